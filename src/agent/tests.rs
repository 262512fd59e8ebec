//! Tests of the agent's core: lists of events, and what came of them.
