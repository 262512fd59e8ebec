//! Destinations that have not acknowledged everything: what retention says when it gives up
//! records that one of them still waits for (design §8.3).

/// Cursors of all destinations.
#[derive(Debug, Default)]
pub(super) struct Waiting {
    cursors: Vec<(String, u64)>,
    /// Records were given up before these acknowledged them, and nobody was told yet.
    untold: Vec<String>,
    /// As above, and told: said again only when they had everything meanwhile.
    told: Vec<String>,
}

impl Waiting {
    pub(super) fn set(&mut self, cursors: Vec<(String, u64)>) {
        self.cursors = cursors;
    }

    /// Records up to a sequence are given up: in words, who still waits for some of them; nothing
    /// where there is no destination.
    pub(super) fn given_up(&mut self, last: u64) -> Option<String> {
        let names = |is_behind: bool| {
            let those = self.cursors.iter().filter(move |(_, seq)| (*seq < last) == is_behind);
            those.map(|(name, _)| name.clone()).collect::<Vec<_>>()
        };
        let (behind, whole) = (names(true), names(false));
        self.told.retain(|name| !whole.contains(name));
        let new = behind.iter().filter(|name| !self.told.contains(name));
        self.untold.extend(new.cloned());
        self.told.clone_from(&behind);
        (!self.cursors.is_empty()).then(|| match behind.is_empty() {
            true => "acknowledged by all destinations".to_owned(),
            false => format!("not acknowledged by {}", behind.join(", ")),
        })
    }

    /// A sentence where records were given up that somebody waits for.
    pub(super) fn notice(&mut self) -> Option<String> {
        let names = std::mem::take(&mut self.untold);
        (!names.is_empty()).then(|| {
            let names = names.join(", ");
            format!("the quota gives up records that {names} has not acknowledged")
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_still_waits_is_named_and_said_once_a_spell() {
        let mut waiting = Waiting::default();
        assert_eq!(waiting.given_up(10), None);
        let told = |waiting: &mut Waiting, last| waiting.given_up(last).unwrap();
        let cursors = |one, two| vec![("one".to_owned(), one), ("two".to_owned(), two)];
        waiting.set(cursors(10, 10));
        assert_eq!(told(&mut waiting, 10), "acknowledged by all destinations");
        assert_eq!(waiting.notice(), None);
        waiting.set(cursors(20, 19));
        assert_eq!(told(&mut waiting, 20), "not acknowledged by two");
        assert!(waiting.notice().is_some_and(|text| text.contains("two")));
        assert_eq!(told(&mut waiting, 30), "not acknowledged by one, two");
        assert!(waiting.notice().is_some_and(|text| text.contains("that one has")));
        assert_eq!(told(&mut waiting, 40), "not acknowledged by one, two");
        assert_eq!(waiting.notice(), None);
        waiting.set(cursors(50, 40));
        waiting.given_up(50);
        waiting.set(cursors(50, 50));
        waiting.given_up(60);
        assert!(waiting.notice().is_some_and(|text| text.contains("one has")));
    }
}
