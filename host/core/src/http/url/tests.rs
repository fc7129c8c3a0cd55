use proptest::prelude::*;

use super::*;

fn target(text: &str) -> Target {
    text.parse()
        .unwrap_or_else(|error| panic!("{text}: {error}"))
}

#[test]
fn an_address_is_read_and_shown() {
    for (text, shown, host, path) in [
        ("https://a.example", "https://a.example/", "a.example", "/"),
        (
            "https://A.Example:443/x",
            "https://a.example/x",
            "a.example",
            "/x",
        ),
        ("http://a:80?q=/../", "http://a/?q=/../", "a", "/"),
        ("http://a:8080/b/c/?d#", "", "", ""),
        (
            "https://a/%7Eb/%C3%A9",
            "https://a/%7Eb/%C3%A9",
            "a",
            "/~b/é",
        ),
        ("https://a/b;v=1/c", "https://a/b;v=1/c", "a", "/b/c"),
        (
            "https://127.0.0.1:1/",
            "https://127.0.0.1:1/",
            "127.0.0.1",
            "/",
        ),
        ("https://[::1]:1/a", "https://[::1]:1/a", "::1", "/a"),
        ("https://[0:0::1]/", "https://[::1]/", "::1", "/"),
        (
            "https://xn--bcher-kva.example/",
            "https://xn--bcher-kva.example/",
            "xn--bcher-kva.example",
            "/",
        ),
        ("https://1.example/", "https://1.example/", "1.example", "/"),
    ] {
        match text.parse::<Target>() {
            Ok(target) => {
                assert_eq!(target.to_string(), shown);
                assert_eq!(target.origin().host(), host);
                assert_eq!(target.path(), path);
            }
            Err(error) => assert!(shown.is_empty(), "{text}: {error}"),
        }
    }
    assert_eq!(target("https://[::1]:8/").origin().authority(), "[::1]:8");
    assert_eq!(target("http://a:443/").origin().authority(), "a:443");
}

#[test]
fn what_can_be_read_in_two_ways_is_refused() {
    use UrlError as E;
    for (text, error) in [
        ("", E::Scheme),
        ("a.example/x", E::Scheme),
        ("//a.example/x", E::Scheme),
        ("HTTPS://a", E::Scheme),
        ("file:///etc/passwd", E::Scheme),
        ("gopher://a", E::Scheme),
        ("https:/a", E::Scheme),
        ("https:///x", E::Host),
        ("https://", E::Host),
        ("https://a b/", E::Host),
        ("https://a..b/", E::Host),
        ("https://a.example./", E::Host),
        ("https://-a/", E::Host),
        ("https://a_b%2ec/", E::Host),
        ("https://b\u{fc}cher.example/", E::Host),
        ("https://\u{ff41}.example/", E::Host),
        ("https://127.1/", E::Host),
        ("https://2130706433/", E::Host),
        ("https://0x7f000001/", E::Host),
        ("https://0177.0.0.1/", E::Host),
        ("https://127.0.0.0x1/", E::Host),
        ("https://[::1%25eth0]/", E::Host),
        ("https://[::1/", E::Host),
        ("https://::1/", E::Host),
        ("https://a@b/", E::Credentials),
        ("https://a.example:pw@b/", E::Credentials),
        ("https://a:/", E::Port),
        ("https://a:0/", E::Port),
        ("https://a:65536/", E::Port),
        ("https://a:+1/", E::Port),
        ("https://a:1:2/", E::Port),
        ("https://[::1]1/", E::Port),
        ("https://a\\@b/", E::Path),
        ("https://a/b\\c", E::Path),
        ("https://a/../b", E::Path),
        ("https://a/b/..", E::Path),
        ("https://a/./b", E::Path),
        ("https://a//b", E::Path),
        ("https://a/b//", E::Path),
        ("https://a/%2e%2e/b", E::Path),
        ("https://a/%2E./b", E::Path),
        ("https://a/..;/b", E::Path),
        ("https://a/.;x/b", E::Path),
        ("https://a/;/b", E::Path),
        ("https://a/b%2fc", E::Path),
        ("https://a/b%2F..%2Fc", E::Path),
        ("https://a/b%5cc", E::Path),
        ("https://a/%252e%252e/", E::Path),
        ("https://a/%c0%ae%c0%ae/", E::Path),
        ("https://a/b%00", E::Path),
        ("https://a/b%0d%0aHost:%20c", E::Path),
        ("https://a/b c", E::Character),
        ("https://a/b\r\nHost: c", E::Character),
        ("https://a/b?c\r\nHost: d", E::Character),
        ("https://a/%", E::Character),
        ("https://a/%4", E::Character),
        ("https://a/%zz", E::Character),
        ("https://a/?%zz", E::Character),
        ("https://a/\u{e9}", E::Character),
        ("https://a/#b", E::Fragment),
        ("https://a#@b/", E::Fragment),
    ] {
        assert_eq!(text.parse::<Target>(), Err(error), "{text:?}");
    }
    let long = format!("https://a/{}", "b".repeat(LONGEST_URL));
    assert_eq!(long.parse::<Target>(), Err(E::TooLong));
}

#[test]
fn a_prefix_is_of_whole_parts() {
    let covers = |prefix: &str, path: &str| prefix.parse::<PathPrefix>().unwrap().covers(path);
    for (prefix, path, covered) in [
        ("/", "/", true),
        ("/", "/a/b", true),
        ("/v1", "/v1", true),
        ("/v1", "/v1/", true),
        ("/v1", "/v1/a", true),
        ("/v1", "/v10", false),
        ("/v1", "/V1", false),
        ("/v1", "/v", false),
        ("/v1/", "/v1", false),
        ("/v1/", "/v1/", true),
        ("/v1/", "/v1/a", true),
        ("/\u{e9}", "/\u{e9}/a", true),
    ] {
        assert_eq!(covers(prefix, path), covered, "{prefix} {path}");
    }
    let admin: PathPrefix = "/admin".parse().unwrap();
    assert!(admin.covers_in_any_case("/ADMIN/x") && !admin.covers_in_any_case("/administer"));
    for text in [
        "", "v1", "/a//b", "/../a", "/a?b", "/a%2e", "/a;b", "/*", "/a\\b", "/a#b",
    ] {
        assert!(text.parse::<PathPrefix>().is_err(), "{text}");
    }
}

#[test]
fn an_origin_has_nothing_behind_it() {
    for text in [
        "https://a/",
        "https://a?b",
        "https://a@b",
        "https://*",
        "a",
        "https://*.a.b",
        "any",
    ] {
        assert!(text.parse::<Origin>().is_err(), "{text}");
    }
    let origin: Origin = "https://A:443".parse().unwrap();
    assert_eq!(origin.to_string(), "https://a");
}

proptest! {
    /// What is sent never has a character that ends a line, and reading it again gives the
    /// same.
    #[test]
    fn what_is_read_stays_what_it_is(text in "(https?://)?[ -~\r\n\u{e9}]{0,12}(/[ -~%.;\\\\]{0,8}){0,3}(\\?[ -~\r]{0,5})?") {
        if let Ok(target) = text.parse::<Target>() {
            prop_assert!(target.to_string().bytes().all(|b| b.is_ascii_graphic()), "{text:?}");
            prop_assert_eq!(target.to_string().parse::<Target>(), Ok(target.clone()));
            prop_assert!(!target.path().split('/').any(|part| part == ".."));
            let server: Origin = target.origin().to_string().parse().unwrap();
            prop_assert_eq!(&server, target.origin());
        }
    }

    #[test]
    fn a_longer_prefix_covers_no_more(path in "(/[ab]{1,2}){0,3}/?", one in "(/[ab]){1,2}/?", other in "(/[ab]){1,2}/?") {
        let (one, other): (PathPrefix, PathPrefix) = (one.parse().unwrap(), other.parse().unwrap());
        let path = if path.is_empty() { "/".to_owned() } else { path };
        if other.covers(one.as_str()) && one.covers(&path) {
            prop_assert!(other.covers(&path), "{one} {other} {path}");
        }
    }
}
