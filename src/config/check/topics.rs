//! What a foreign topic, a JSON pointer and a broker's address must look like. Our own topics are
//! spelled in `link`; here is only the prefix that foreign ones must not take.

use crate::config::checked::Broker;
use crate::limits::CONFIG_TOPIC_BYTES_MAX;

/// First level of the device's own topics (design §5).
const OWN_LEVEL: &str = "outpost";

/// Why a text cannot be a sensor's or actuator's topic; `None` where it can.
pub(super) fn topic_fault(topic: &str) -> Option<(String, String)> {
    let plain = "a topic such as \"greenhouse/air\"";
    let said = |found: &str, allowed: &str| Some((found.to_owned(), allowed.to_owned()));
    if topic.is_empty() {
        return said("an empty topic", plain);
    }
    if topic.len() > CONFIG_TOPIC_BYTES_MAX {
        let allowed = format!("at most {CONFIG_TOPIC_BYTES_MAX} bytes");
        return Some((format!("a topic of {} bytes", topic.len()), allowed));
    }
    if topic.contains(['+', '#']) {
        return said("a topic with a wildcard (+ or #)", "one exact topic");
    }
    if topic.chars().any(char::is_control) {
        return said("a topic with a control character", plain);
    }
    if topic.split('/').next() == Some(OWN_LEVEL) {
        return said("a topic below outpost/", "any other: those are the devices' own topics");
    }
    if topic.starts_with('$') {
        return said("a topic that begins with $", "any other: those are the broker's own topics");
    }
    None
}

/// Why a text is no JSON pointer (RFC 6901) into an object; `None` where it is one.
pub(super) fn pointer_fault(pointer: &str) -> Option<(String, String)> {
    let form = "a JSON pointer such as \"/temperature\" or \"/values/0\"; left out: the payload \
                is the bare value";
    if !pointer.starts_with('/') {
        return Some((super::quoted(pointer), form.into()));
    }
    let mut letters = pointer.chars();
    while let Some(letter) = letters.next() {
        if letter == '~' && !matches!(letters.next(), Some('0' | '1')) {
            let found = format!("{} with a ~ alone", super::quoted(pointer));
            return Some((found, "~0 for ~ and ~1 for /".into()));
        }
    }
    None
}

/// A broker's address that cannot be used.
pub(super) struct UrlFault {
    pub found: String,
    pub allowed: String,
    /// The address holds a password, so that its line is not shown.
    pub secret: bool,
}

const URL_FORM: &str = "\"embedded\", \"mqtt://host:1883\" or \"mqtts://host:8883\"";

/// The broker of an address on the command line.
///
/// # Errors
/// What was found and what is allowed, in a sentence.
pub fn broker_of(url: &str) -> Result<Broker, String> {
    broker(url).map_err(|fault| format!("{}; allowed: {}", fault.found, fault.allowed))
}

/// Reads `mqtt://host[:port]` or `mqtts://host[:port]`; `embedded` is the caller's.
pub(super) fn broker(url: &str) -> Result<Broker, UrlFault> {
    let refused = |found: String, allowed: &str| {
        Err(UrlFault { found, allowed: allowed.to_owned(), secret: false })
    };
    let (tls, rest) = if let Some(rest) = url.strip_prefix("mqtt://") {
        (false, rest)
    } else if let Some(rest) = url.strip_prefix("mqtts://") {
        (true, rest)
    } else if url.contains('@') {
        return Err(with_user());
    } else {
        return refused(super::quoted(url), URL_FORM);
    };
    if rest.contains('@') {
        return Err(with_user());
    }
    let rest = rest.strip_suffix('/').unwrap_or(rest);
    if rest.contains(['/', '?', '#']) {
        return refused(format!("{} with a path", super::quoted(url)), URL_FORM);
    }
    let (host, port) = if let Some(inner) = rest.strip_prefix('[') {
        let Some((host, after)) = inner.split_once(']') else {
            return refused(format!("{} without ]", super::quoted(url)), "mqtt://[::1]:1883");
        };
        if host.parse::<std::net::Ipv6Addr>().is_err() {
            let found = format!("{}, no IPv6 address in [ ]", super::quoted(url));
            return refused(found, "such as mqtt://[fd00::5]:1883");
        }
        match (after.strip_prefix(':'), after.is_empty()) {
            (Some(port), _) => (host, Some(port)),
            (None, true) => (host, None),
            _ => return refused(super::quoted(url), "mqtt://[address]:port"),
        }
    } else {
        if rest.matches(':').count() > 1 {
            let found = format!("{}, an IPv6 address without [ ]", super::quoted(url));
            return refused(found, "such as mqtt://[fd00::5]:1883");
        }
        match rest.split_once(':') {
            Some((host, port)) => (host, Some(port)),
            None => (rest, None),
        }
    };
    let host_letter = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_' | ':');
    if host.is_empty() || host.len() > 253 || !host.chars().all(host_letter) {
        return refused(format!("{} without a host name", super::quoted(url)), URL_FORM);
    }
    let port = match port {
        None if tls => 8883,
        None => 1883,
        Some(text) => match text.parse::<u16>() {
            Ok(port) if port > 0 && text.bytes().all(|b| b.is_ascii_digit()) => port,
            _ => return refused(format!("the port {}", super::quoted(text)), "1 to 65535"),
        },
    };
    Ok(Broker::Remote { host: host.to_owned(), port, tls })
}

fn with_user() -> UrlFault {
    UrlFault {
        found: "an address with a user or a password in it (not shown)".into(),
        allowed: "the address alone; put the user into `username` and the password into a file \
                  that `password_file` names, readable only by the service"
            .into(),
        secret: true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn remote(url: &str) -> Option<(String, u16, bool)> {
        match broker(url) {
            Ok(Broker::Remote { host, port, tls }) => Some((host, port, tls)),
            _ => None,
        }
    }

    #[test]
    fn addresses_have_a_scheme_a_host_and_perhaps_a_port() {
        assert_eq!(remote("mqtt://10.0.0.5"), Some(("10.0.0.5".into(), 1883, false)));
        assert_eq!(remote("mqtts://hub.local:8884/"), Some(("hub.local".into(), 8884, true)));
        assert_eq!(remote("mqtts://hub"), Some(("hub".into(), 8883, true)));
        assert_eq!(remote("mqtt://[::1]"), Some(("::1".into(), 1883, false)));
        assert_eq!(remote("mqtt://[fd00::5]:1884"), Some(("fd00::5".into(), 1884, false)));
        for url in [
            "",
            "hub",
            "tcp://hub",
            "mqtt://",
            "mqtt://:1883",
            "mqtt://hub:0",
            "mqtt://hub:65536",
            "mqtt://hub:+1",
            "mqtt://::1",
            "mqtt://[::1",
            "mqtt://[hub]",
            "mqtt://[::1]x",
            "mqtt://hub/path",
            "mqtt://hub:",
            "mqtt://a b",
            "MQTT://hub",
        ] {
            assert_eq!(remote(url), None, "{url}");
        }
    }

    #[test]
    fn a_password_is_never_repeated() {
        for url in ["mqtt://ann:secret@hub", "mqtts://ann:secret@hub:8883", "tcp://ann:secret@hub"]
        {
            let Err(fault) = broker(url) else { panic!("{url} was taken") };
            assert!(fault.secret && !fault.found.contains("secret"), "{url}: {}", fault.found);
            assert!(fault.allowed.contains("password_file"));
        }
    }

    #[test]
    fn topics_are_exact_and_foreign() {
        for topic in ["greenhouse/air", "a", "/a", "Grünhaus/1", "outposts/a", "a/outpost"] {
            assert_eq!(topic_fault(topic), None, "{topic}");
        }
        let long = "a".repeat(CONFIG_TOPIC_BYTES_MAX + 1);
        for topic in ["", "a/+", "a/#", "a\0", "outpost", "outpost/b/cmd/set/1", "$SYS/x", &long] {
            assert!(topic_fault(topic).is_some(), "{topic}");
        }
    }

    #[test]
    fn pointers_follow_rfc_6901() {
        for pointer in ["/a", "/a/0/b", "/a~0b/~1c", "/"] {
            assert_eq!(pointer_fault(pointer), None, "{pointer}");
        }
        for pointer in ["", "a", "a/b", "/a~", "/a~2"] {
            assert!(pointer_fault(pointer).is_some(), "{pointer}");
        }
    }
}
