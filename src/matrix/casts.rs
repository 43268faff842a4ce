//! Who plays with whom. Pure.

/// Which groups of clients are wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Choice {
    /// Clients in a group: as many as the scenario has roles.
    pub size: usize,
    /// Whether the same clients in other roles are a group of their own.
    pub swap: bool,
    /// Whether a client may be in a group more than once.
    pub with_self: bool,
}

/// All groups of `clients`: one client a role, in the order of the roles. They come in the order in which the clients
/// are named, so that the same words give the same list on every machine.
pub fn casts(clients: &[String], choice: Choice) -> Vec<Vec<String>> {
    let mut found = Vec::new();
    extend(clients, choice, &mut Vec::new(), &mut found);
    found.iter().map(|group| group.iter().map(|n| clients[*n].clone()).collect()).collect()
}

fn extend(clients: &[String], choice: Choice, group: &mut Vec<usize>, found: &mut Vec<Vec<usize>>) {
    if group.len() == choice.size {
        if choice.size > 0 {
            found.push(group.clone());
        }
        return;
    }
    for next in 0..clients.len() {
        let earlier = group.iter().max().is_some_and(|last| next < *last);
        if (earlier && !choice.swap) || (group.contains(&next) && !choice.with_self) {
            continue;
        }
        group.push(next);
        extend(clients, choice, group, found);
        group.pop();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn groups(clients: &str, size: usize, swap: bool, with_self: bool) -> String {
        let clients: Vec<String> = clients.chars().map(String::from).collect();
        let casts = casts(&clients, Choice { size, swap, with_self });
        casts.iter().map(|cast| cast.concat()).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn pairs_are_unordered_unless_swapped_and_of_two_clients_unless_with_self() {
        assert_eq!(groups("abc", 2, false, false), "ab ac bc");
        assert_eq!(groups("abc", 2, false, true), "aa ab ac bb bc cc");
        assert_eq!(groups("abc", 2, true, false), "ab ac ba bc ca cb");
        assert_eq!(groups("abc", 2, true, true), "aa ab ac ba bb bc ca cb cc");
    }

    #[test]
    fn groups_can_be_larger_and_there_may_be_none() {
        assert_eq!(groups("abcd", 3, false, false), "abc abd acd bcd");
        assert_eq!(groups("ab", 3, false, true), "aaa aab abb bbb");
        assert_eq!(groups("abc", 3, true, false), "abc acb bac bca cab cba");
        assert_eq!(groups("a", 1, false, false), "a");
        assert_eq!(groups("a", 2, false, false), "");
        assert_eq!(groups("a", 2, false, true), "aa");
        assert_eq!(groups("", 2, true, true), "");
    }

    #[test]
    fn their_number_is_the_binomial_one() {
        let clients: Vec<String> = (0..12).map(|n| n.to_string()).collect();
        let count = |size, swap, with_self| casts(&clients, Choice { size, swap, with_self }).len();
        assert_eq!(count(2, false, false), 66);
        assert_eq!(count(2, true, true), 144);
        assert_eq!(count(5, false, false), 792);
        assert_eq!(count(3, true, false), 12 * 11 * 10);
    }
}
