//! The client against a broker that misbehaves on command.
