//! What a guest can make the host send: the guest's side of every refusal.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use bailiwick_core::{
    bytes::ByteCount,
    decision::{Answer, Decision},
    http::Special,
    ids::PluginName,
    policy::{Capability, Grant, Policy, Requests, Scope},
    ports::{self, BoxFuture, HttpAnswer, HttpError, HttpOrder},
    time::Timestamp,
};

use crate::{
    CallError, Instance, Trap,
    engine::{Engine, engine},
    probe::{policy, ports},
    testing::{clock, component, limits},
    usage::Usage,
};

/// Sends the request that `load` is given (see [`Ask::bytes`]), and saves the beginning of what
/// the host wrote as its answer.
const SENDER: &str = r#"(module
  (import "bailiwick:plugin/http@0.1.0" "send"
    (func $send (param i32 i32 i32 i32 i32 i32 i32 i32 i32 i32)))
  (memory (export "memory") 20)
  (global $free (mut i32) (i32.const 131072))
  (func $at (param $field i32) (param $order i32) (result i32)
    (i32.load (i32.add (local.get $order) (i32.mul (local.get $field) (i32.const 4)))))
  (func (export "bailiwick:plugin/handover@0.1.0#load")
    (param i32 i32) (param $order i32) (param i32) (result i32)
    (local $url i32) (local $name i32) (local $value i32) (local $body i32)
    (local.set $url (i32.add (local.get $order) (i32.const 28)))
    (local.set $name (i32.add (local.get $url) (call $at (i32.const 3) (local.get $order))))
    (local.set $value (i32.add (local.get $name) (call $at (i32.const 4) (local.get $order))))
    (local.set $body (i32.add (local.get $value) (call $at (i32.const 5) (local.get $order))))
    (i32.store (i32.const 64) (local.get $name))
    (i32.store (i32.const 68) (call $at (i32.const 4) (local.get $order)))
    (i32.store (i32.const 72) (local.get $value))
    (i32.store (i32.const 76) (call $at (i32.const 5) (local.get $order)))
    (call $send
      (call $at (i32.const 0) (local.get $order))
      (local.get $url) (call $at (i32.const 3) (local.get $order))
      (i32.const 64) (i32.const 1)
      (local.get $body) (call $at (i32.const 6) (local.get $order))
      (call $at (i32.const 1) (local.get $order))
      (call $at (i32.const 2) (local.get $order))
      (i32.const 128))
    (i32.store8 (i32.const 0) (i32.const 0))
    (i32.const 0))
  (func (export "bailiwick:plugin/handover@0.1.0#save") (result i32)
    (i32.store (i32.const 16) (i32.const 128))
    (i32.store (i32.const 20) (i32.const 32))
    (i32.const 16))
  (func $nothing (result i32) (i64.store (i32.const 0) (i64.const 0)) (i32.const 0))
  (func (export "bailiwick:plugin/collect@0.1.0#schema") (result i32) (call $nothing))
  (func (export "bailiwick:plugin/collect@0.1.0#collect") (result i32) (call $nothing))
  (func (export "cabi_realloc") (param i32 i32 i32) (param $size i32) (result i32)
    (global.get $free)
    (global.set $free (i32.and (i32.const -8)
      (i32.add (i32.const 7) (i32.add (global.get $free) (local.get $size)))))))"#;

/// A request as the guest builds it.
#[derive(Clone)]
struct Ask {
    /// The number of the contract's `method`.
    method: u32,
    url: String,
    header: (&'static str, &'static str),
    body: Vec<u8>,
    at_most: u32,
    timeout_ms: u32,
}

fn get(url: &str) -> Ask {
    Ask {
        method: 0,
        url: url.to_owned(),
        header: ("accept", "*/*"),
        body: Vec::new(),
        at_most: 1_000,
        timeout_ms: 0,
    }
}

impl Ask {
    fn bytes(&self) -> Vec<u8> {
        let (name, value) = self.header;
        let length = |text: &[u8]| u32::try_from(text.len()).unwrap();
        let numbers = [
            self.method,
            self.at_most,
            self.timeout_ms,
            length(self.url.as_bytes()),
            length(name.as_bytes()),
            length(value.as_bytes()),
            length(&self.body),
        ];
        let mut bytes: Vec<u8> = numbers.into_iter().flat_map(u32::to_le_bytes).collect();
        bytes.extend(self.url.as_bytes());
        bytes.extend(name.as_bytes());
        bytes.extend(value.as_bytes());
        bytes.extend(&self.body);
        bytes
    }
}

/// Answers as it is told, and keeps what it was asked.
struct Server {
    answer: Result<HttpAnswer, HttpError>,
    orders: Mutex<Vec<HttpOrder>>,
}

impl ports::Http for Server {
    fn request<'a>(
        &'a self,
        _: &'a PluginName,
        order: HttpOrder,
    ) -> BoxFuture<'a, Result<HttpAnswer, HttpError>> {
        self.orders.lock().unwrap().push(order);
        let answer = self.answer.clone();
        Box::pin(async move { answer })
    }
}

#[derive(Default)]
struct Told(Mutex<Vec<Decision>>);

impl ports::Decisions for Told {
    fn note(&self, decision: Decision) {
        self.0.lock().unwrap().push(decision);
    }
}

fn granted(expires: Option<Timestamp>) -> Policy {
    let mut policy = policy(&limits());
    policy.grants.push(Grant {
        capability: Capability::Http,
        scope: Scope::Requests(Requests {
            origins: vec!["https://a.example".parse().unwrap()],
            methods: vec![
                bailiwick_core::http::Method::Get,
                bailiwick_core::http::Method::Post,
            ],
            paths: vec!["/v1".parse().unwrap()],
            networks: Vec::new(),
            per_minute: 60,
        }),
        expires,
        ..policy.grants[0].clone()
    });
    policy
}

/// What one request came to.
struct Came {
    /// Whether there is an answer, and the number of the contract's error if not.
    answer: Result<(), u8>,
    orders: Vec<HttpOrder>,
    told: Vec<(String, Answer)>,
    usage: Usage,
}

async fn send(
    engine: &Engine,
    policy: &Policy,
    ask: &Ask,
    answer: Result<HttpAnswer, HttpError>,
) -> Result<Came, CallError> {
    let component = component(engine, SENDER).await;
    let orders = Mutex::default();
    let server = Arc::new(Server { answer, orders });
    let told = Arc::new(Told::default());
    let (mut ports, _) = ports(clock(), false);
    ports.http = server.clone();
    ports.decisions = told.clone();
    let now = ports.clock.now();
    let started = Instance::start(&component, policy, &policy.plugin, ports, now).await;
    let mut instance = started.unwrap();
    instance.load("", &ask.bytes()).await?;
    let saved = instance.save().await?;
    let told = std::mem::take(&mut *told.0.lock().unwrap());
    let words = |one: Decision| (one.call.to_string(), one.answer);
    Ok(Came {
        answer: match saved[0] {
            0 => Ok(()),
            _ => Err(saved[4]),
        },
        orders: std::mem::take(&mut *server.orders.lock().unwrap()),
        told: told.into_iter().map(words).collect(),
        usage: instance.usage(),
    })
}

fn ok(body: usize) -> Result<HttpAnswer, HttpError> {
    Ok(HttpAnswer {
        status: 200,
        headers: vec![("a".to_owned(), "b".to_owned())],
        body: vec![b'x'; body],
    })
}

const DENIED: u8 = 0;
const INVALID: u8 = 1;

#[tokio::test]
async fn what_no_grant_covers_is_denied_and_nobody_is_asked() {
    let engine = engine().unwrap();
    let later = Timestamp::from_ms(u64::MAX);
    let past = Timestamp::from_ms(1);
    for (url, method, expires) in [
        ("https://b.example/v1", 0, Some(later)),
        ("https://nowhere.invalid/v1", 0, None),
        ("http://a.example/v1", 0, None),
        ("https://a.example/v2", 0, None),
        ("https://a.example/v1", 5, None),
        ("https://169.254.169.254/v1", 0, None),
        ("https://a.example/v1", 0, Some(past)),
    ] {
        let ask = Ask { method, ..get(url) };
        let came = send(&engine, &granted(expires), &ask, ok(1)).await.unwrap();
        assert_eq!(came.answer, Err(DENIED), "{url}");
        assert_eq!((came.orders.len(), came.usage.denials), (0, 1), "{url}");
        let [(call, Answer::Refused)] = came.told.as_slice() else {
            panic!("{url}: {:?}", came.told);
        };
        assert!(call.starts_with("http "), "{call}");
    }
}

#[tokio::test]
async fn what_can_be_read_in_two_ways_is_invalid_and_nobody_is_asked() {
    let engine = engine().unwrap();
    let good = get("https://a.example/v1/x");
    let with = |header| Ask {
        header,
        ..good.clone()
    };
    for ask in [
        get("https://a.example/v1/../v2"),
        get("https://a.example/v1/%2e%2e/v2"),
        get("https://a.example/v1//v2"),
        get("https://a.example@b.example/v1"),
        get("https://a.example/v1 HTTP/1.1\r\nHost: b.example\r\n\r\n"),
        with(("Host", "b.example")),
        with(("accept", "*/*\r\nHost: b.example")),
        with(("accept\r\nHost", "b.example")),
        with(("Transfer-Encoding", "chunked")),
        with(("X-HTTP-Method-Override", "DELETE")),
        Ask {
            body: b"x".to_vec(),
            ..good.clone()
        },
        Ask {
            method: 2,
            body: vec![0; 1024 * 1024 + 1],
            ..good.clone()
        },
    ] {
        // A body of a megabyte is held twice, and passed at once.
        let mut policy = granted(None);
        policy.limits.memory = ByteCount::mib(16);
        policy.limits.output = ByteCount::mib(4);
        let came = send(&engine, &policy, &ask, ok(1)).await.unwrap();
        assert_eq!(came.answer, Err(INVALID), "{:?}", ask.url);
        assert_eq!(
            (came.orders.len(), came.usage.denials),
            (0, 0),
            "{:?}",
            ask.url
        );
    }
}

#[tokio::test]
async fn what_is_granted_is_sent_within_bounds_and_written_down_without_secrets() {
    let engine = engine().unwrap();
    let ask = Ask {
        method: 2,
        body: b"hello".to_vec(),
        at_most: u32::MAX,
        timeout_ms: u32::MAX,
        ..get("https://A.example/v1/x?key=secret")
    };
    let came = send(&engine, &granted(None), &ask, ok(5)).await.unwrap();
    assert_eq!((came.answer, came.usage.denials), (Ok(()), 0));
    let [order] = came.orders.as_slice() else {
        panic!("{:?}", came.orders);
    };
    assert_eq!(
        order.target.to_string(),
        "https://a.example/v1/x?key=secret"
    );
    assert_eq!(order.headers, [("accept".to_owned(), "*/*".to_owned())]);
    assert_eq!(order.body, b"hello");
    assert_eq!(order.time_limit, Duration::from_secs(60));
    // Not more than the plugin may hold.
    assert!(order.at_most <= limits().memory, "{}", order.at_most);
    let [(call, Answer::Done)] = came.told.as_slice() else {
        panic!("{:?}", came.told);
    };
    assert!(
        call.starts_with("http POST https://a.example/v1/x"),
        "{call}"
    );
}

#[tokio::test]
async fn a_name_that_stands_for_something_near_is_denied_like_what_is_not_granted() {
    let engine = engine().unwrap();
    let refused = Err(HttpError::Denied(Special::Metadata));
    let came = send(
        &engine,
        &granted(None),
        &get("https://a.example/v1"),
        refused,
    )
    .await;
    let came = came.unwrap();
    assert_eq!((came.answer, came.usage.denials), (Err(DENIED), 1));
    assert!(matches!(came.told.as_slice(), [(_, Answer::LedAstray)]));
}

#[tokio::test]
async fn an_answer_that_does_not_fit_stops_the_plugin_and_one_that_is_not_wanted_does_not() {
    let engine = engine().unwrap();
    let ask = Ask {
        at_most: u32::MAX,
        ..get("https://a.example/v1")
    };
    let large = Err(HttpError::TooLarge);
    let stopped = send(&engine, &granted(None), &ask, large.clone()).await;
    assert!(matches!(stopped, Err(CallError::Trapped(Trap::Memory))));
    let told = send(&engine, &granted(None), &get("https://a.example/v1"), large).await;
    assert_eq!(told.unwrap().answer, Err(3));
    // What arrives is counted.
    let ask = Ask {
        at_most: 100_000,
        ..get("https://a.example/v1")
    };
    let came = send(&engine, &granted(None), &ask, ok(100_000))
        .await
        .unwrap();
    assert!(
        came.usage.memory_high_water > ByteCount::kib(20 * 64 + 90),
        "{:?}",
        came.usage
    );
}
