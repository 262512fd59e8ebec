//! The page without a browser: who is let in, what is shown of the running agent, commands, the
//! past. `make test-page` looks at it in a real browser.

use std::io::{BufRead, BufReader};
use std::time::Instant;

use serde_json::{Value as Json, json};

use crate::agent::{Agent, SOON, Site};
use crate::bus::Bus;
use crate::common::{Broker, eventually, free_port};
use crate::launched::{PATIENCE, Supervisor, UPDATE, apply, publish};
use crate::mind;
use crate::place::Place;

const TOKEN: &str = "a-token-of-this-test-only";

/// A browser, as far as these tests need one.
struct Browser {
    url: String,
    cookie: String,
}

impl Browser {
    fn get(&self, path: &str) -> Result<ureq::http::Response<ureq::Body>, ureq::Error> {
        ureq::get(format!("{}{path}", self.url)).header("Cookie", &self.cookie).call()
    }

    fn json(&self, path: &str) -> Json {
        read(&mut self.get(path).unwrap())
    }

    fn post(
        &self,
        path: &str,
        from: &str,
        body: &Json,
    ) -> Result<ureq::http::Response<ureq::Body>, ureq::Error> {
        let call = ureq::post(format!("{}{path}", self.url)).header("Cookie", &self.cookie);
        let call = call.header("Origin", from).header("Content-Type", "application/json");
        call.send(body.to_string())
    }

    /// Events of the stream until `look` picks one: its name and its JSON.
    fn stream<T>(&self, what: &str, mut look: impl FnMut(&str, &Json) -> Option<T>) -> T {
        let answer = self.get("/page/stream").unwrap();
        let mut lines = BufReader::new(answer.into_body().into_reader()).lines();
        let until = Instant::now() + SOON;
        let mut name = String::new();
        while Instant::now() < until {
            let line = lines.next().expect("the stream goes on").unwrap();
            if let Some(event) = line.strip_prefix("event: ") {
                name = event.to_owned();
            } else if let Some(data) = line.strip_prefix("data: ")
                && let Some(found) = look(&name, &serde_json::from_str(data).unwrap())
            {
                return found;
            }
        }
        panic!("{what}: not within {SOON:?}");
    }
}

fn read(answer: &mut ureq::http::Response<ureq::Body>) -> Json {
    serde_json::from_str(&answer.body_mut().read_to_string().unwrap()).unwrap()
}

fn status(answer: Result<ureq::http::Response<ureq::Body>, ureq::Error>) -> u16 {
    match answer {
        Ok(answer) => answer.status().as_u16(),
        Err(ureq::Error::StatusCode(status)) => status,
        Err(error) => panic!("{error}"),
    }
}

/// Wrong tokens, many at a time.
fn guess(url: &str, wrong: &Json) -> Vec<std::thread::JoinHandle<u16>> {
    let one = |_| {
        let (url, wrong) = (url.to_owned(), wrong.to_string());
        std::thread::spawn(move || {
            let call = ureq::post(format!("{url}/page/login"));
            status(call.header("Content-Type", "application/json").send(wrong))
        })
    };
    (0..20).map(one).collect()
}

/// The files are for everybody, the place is not.
fn strangers(browser: &Browser) {
    let front = eventually("the page", SOON, || browser.get("/").ok());
    let policy = front.headers()["content-security-policy"].to_str().unwrap();
    assert!(policy.contains("default-src 'none'") && !policy.contains("unsafe"), "{policy}");
    for path in [
        "/page/main.js",
        "/page/now.js",
        "/page/story.js",
        "/page/goal.js",
        "/page/rules.js",
        "/page/board.js",
        "/page/devices.js",
        "/page/parts.js",
    ] {
        let kind = browser.get(path).unwrap().headers()["content-type"].clone();
        assert!(kind.to_str().unwrap().starts_with("text/javascript"), "{path}: {kind:?}");
    }
    for path in [
        "/page/stream",
        "/page/decisions",
        "/page/events",
        "/page/history",
        "/page/wishes",
        "/page/devices",
        "/page/role",
        "/metrics",
        "/v1/models",
    ] {
        assert_eq!(status(browser.get(path)), 401, "{path}");
    }
}

#[test]
fn a_person_with_the_token_sees_the_place_and_gives_orders() {
    let broker = Broker::start();
    let place = Place::open(&broker, 5.0);
    let port = free_port();
    let folder = tempfile::tempdir().unwrap();
    let token = folder.path().join("token");
    std::fs::write(&token, TOKEN).unwrap();
    let web = format!("[web]\nlisten = \"127.0.0.1:{port}\"\ntoken_file = {token:?}\n");
    let site = Site::new(&broker, "cold-page", &web);
    let agent = Agent::start(&site);
    let url = format!("http://127.0.0.1:{port}");
    let mut browser = Browser { url: url.clone(), cookie: String::new() };

    strangers(&browser);
    let order = json!({"kind": "set", "what": {"actuator": "lamp", "value": "on"}});
    assert_eq!(status(browser.post("/page/command", &url, &order)), 401);
    let wrong = json!({"token": "a-token-of-another-test"});
    assert_eq!(status(browser.post("/page/login", &url, &wrong)), 401);
    // Many at a time do not pile up, and the right one is let in at once.
    let guesses = guess(&url, &wrong);
    let let_in = browser.post("/page/login", &url, &json!({"token": TOKEN})).unwrap();
    let cookie = let_in.headers()["set-cookie"].to_str().unwrap().to_owned();
    assert!(cookie.contains("HttpOnly") && cookie.contains("SameSite=Strict"), "{cookie}");
    browser.cookie = cookie.split(';').next().unwrap().to_owned();

    let answers: Vec<_> = guesses.into_iter().map(|guess| guess.join().unwrap()).collect();
    assert!(answers.iter().all(|status| [401, 429].contains(status)), "{answers:?}");
    assert!(answers.contains(&429), "{answers:?}");
    let state = browser.stream("the room", |name, state| {
        let known = state["sensors"][0]["value"].is_number();
        (name == "state" && known && state["bus"] == true).then(|| state.clone())
    });
    assert_eq!(state["device"], "cold-page");
    assert_eq!(state["sensors"][0]["band"], json!({"goal": "keep cold", "min": 2.0, "max": 8.0}));
    let names = state["actuators"].as_array().unwrap().iter().map(|one| &one["name"]);
    assert_eq!(names.collect::<Vec<_>>(), ["compressor", "blower", "lamp", "siren"]);

    // Another site's page may not give orders with this cookie.
    assert_eq!(status(browser.post("/page/command", "http://elsewhere", &order)), 403);
    let bad = json!({"kind": "dance", "what": {}});
    assert_eq!(status(browser.post("/page/command", &url, &bad)), 400);
    let mut sent = browser.post("/page/command", &url, &order).unwrap();
    assert_eq!(sent.status(), 202);
    let sent = read(&mut sent);
    let id = sent["id"].as_str().unwrap();
    eventually("the lamp", SOON, || place.room().lamp.then_some(()));
    eventually("the order's end", SOON, || {
        let states = site.states(&format!("set/{id}"));
        (states == ["accepted", "executing", "succeeded"]).then_some(())
    });

    changes_a_goal(&browser, &site);
    looks_back(&browser, &place);
    assert!(agent.stop().success());
}

/// A goal is shown as the command takes it, and what is wanted follows the command.
fn changes_a_goal(browser: &Browser, site: &Site) {
    let goal = browser.stream("the goal", |_, state| {
        let first = state["goals"].get(0)?;
        Some(first["put"].clone())
    });
    let keep = json!({"sensor": "room", "min": 2.0, "max": 8.0});
    assert_eq!(goal, json!({"name": "keep cold", "keep": keep, "weight": 1.0}));
    let mut changed = goal.clone();
    changed["keep"]["max"] = json!(7.5);
    let url = browser.url.clone();
    let order = json!({"kind": "goal", "what": {"put": changed}});
    assert_eq!(status(browser.post("/page/command", &url, &order)), 202);
    browser.stream("the new band", |_, state| {
        let sensor = state["sensors"].get(0)?;
        (sensor["band"]["max"] == 7.5 && state["goals"][0]["put"] == changed).then_some(())
    });
    // What is wrong is told, and nothing is changed by it.
    changed["keep"]["max"] = json!(1);
    let order = json!({"kind": "goal", "what": {"put": changed}});
    let id = read(&mut browser.post("/page/command", &url, &order).unwrap());
    let topic = format!("goal/{}", id["id"].as_str().unwrap());
    eventually("the refusal", SOON, || (site.states(&topic) == ["rejected"]).then_some(()));
    let order = json!({"kind": "goal", "what": {"put": goal}});
    assert_eq!(status(browser.post("/page/command", &url, &order)), 202);
}

/// Rules and notes: checked as the file is, changed by commands, and there after a restart.
#[test]
fn rules_and_notes_are_changed_at_the_page_and_stay_so() {
    let broker = Broker::start();
    let place = Place::open(&broker, 5.0);
    let port = free_port();
    let site = Site::new(&broker, "cold-rules", &format!("[web]\nlisten = \"127.0.0.1:{port}\"\n"));
    let agent = Agent::start(&site);
    let url = format!("http://127.0.0.1:{port}");
    let browser = Browser { url: url.clone(), cookie: String::new() };
    let lit = json!({"name": "lit", "when": "room > -40", "set": {"lamp": "on"}});
    let known = |name: &str, state: &Json| {
        (name == "state" && state["sensors"][0]["value"].is_number()).then_some(())
    };
    eventually("the page", SOON, || browser.get("/").ok());
    browser.stream("the room", known);

    let check = |kind: &str, put: &Json| {
        let body = json!({"kind": kind, "put": put});
        let mut answer = browser.post("/page/check", &url, &body).unwrap();
        read(&mut answer)["faults"].as_array().unwrap().clone()
    };
    let mut wrong = lit.clone();
    wrong["when"] = json!("room > -40 && roomm < 1");
    wrong["set"]["lamp"] = json!("bright");
    let faults = check("rule", &wrong);
    let keys: Vec<_> = faults.iter().map(|one| (&one["key"], &one["column"])).collect();
    assert_eq!(keys, [(&json!("when"), &json!(15)), (&json!("set.lamp"), &Json::Null)]);
    assert_eq!(check("rule", &lit).len(), 0);
    assert_eq!(check("note", &json!("")).len(), 1);
    assert_eq!(check("goal", &json!({"name": "g"}))[0]["key"], "keep");
    let refused = browser.post("/page/check", &url, &json!({"kind": "interlock", "put": {}}));
    assert_eq!(status(refused), 400, "an interlock is the file's");
    let body = json!({"kind": "interlock", "what": {"remove": "door"}});
    assert_eq!(status(browser.post("/page/command", &url, &body)), 400);
    let foreign = browser.post("/page/check", "http://elsewhere", &json!({"kind": "rule"}));
    assert_eq!(status(foreign), 403);

    for (kind, put) in [("rule", lit.clone()), ("note", json!("The lamp is for the night."))] {
        let body = json!({"kind": kind, "what": {"put": put}});
        assert_eq!(status(browser.post("/page/command", &url, &body)), 202);
    }
    eventually("the lamp", SOON, || place.room().lamp.then_some(()));
    let there = |browser: &Browser| {
        let wishes = browser.json("/page/wishes");
        let rule = wishes["rules"].as_array()?.iter().find(|one| one["name"] == "lit")?.clone();
        let note = wishes["notes"].as_array()?.last()?.clone();
        assert_eq!((&rule["when"], &rule["set"]), (&lit["when"], &lit["set"]));
        (note["text"] == "The lamp is for the night.").then_some((rule, note, wishes))
    };
    let (rule, note, wishes) = eventually("both on the page", SOON, || there(&browser));
    assert_eq!((&rule["of_file"], &note["of_file"]), (&json!(false), &json!(false)));
    assert!(!wishes["interlocks"].as_array().unwrap().is_empty(), "{wishes}");
    // The page may show a change before it is stored; that it is done is said afterwards.
    eventually("both done", SOON, || {
        let commands = site.records("command");
        let done = |one: &&Json| one["state"] == "succeeded";
        (commands.iter().filter(done).count() == 2).then_some(())
    });
    // A pulled plug, and the same program again.
    agent.kill();
    let agent = Agent::start(&site);
    eventually("the page again", SOON, || browser.get("/").ok());
    browser.stream("the room again", known);
    eventually("both after a restart", SOON, || there(&browser));
    as_in_the_file(&browser, &url);
    assert!(agent.stop().success());
    let said = site.records("event");
    assert!(said.iter().any(|one| one["event"] == "rule" && one["text"] != Json::Null), "{said:?}");
    assert!(site.records("decision").iter().any(|one| one["cause"] == "rule lit"));
    site.verify();
}

/// A rule of the file is changed, then forgotten; each time it can be put back.
fn as_in_the_file(browser: &Browser, url: &str) {
    let wishes = || browser.json("/page/wishes");
    let rules = |wishes: Json| wishes["rules"].as_array().unwrap().clone();
    let mut rule = rules(wishes()).into_iter().find(|one| one["of_file"] == true).unwrap();
    rule.as_object_mut().unwrap().remove("of_file");
    let now = || rules(wishes()).into_iter().find(|one| one["name"] == rule["name"]);
    let send = |what: Json| {
        let body = json!({"kind": "rule", "what": what});
        assert_eq!(status(browser.post("/page/command", url, &body)), 202);
    };
    let mut other = rule.clone();
    other["when"] = json!("hour > 30");
    send(json!({"put": other}));
    eventually("what the file says", SOON, || (now()?["file"] == rule).then_some(()));
    send(json!({"remove": rule["name"]}));
    let gone = |rules: Vec<Json>| wishes()["gone"]["rules"] == Json::Array(rules);
    eventually("that it is gone", SOON, || gone(vec![rule.clone()]).then_some(()));
    send(json!({"put": rule}));
    eventually("as in the file", SOON, || (now()?["of_file"] == true).then_some(()));
    assert!(gone(Vec::new()));
}

/// Three tokens, and what each of them may.
#[test]
fn a_token_may_what_its_role_may_and_no_more() {
    let broker = Broker::start();
    let _place = Place::open(&broker, 5.0);
    let port = free_port();
    let folder = tempfile::tempdir().unwrap();
    let roles = ["look", "operate", "change"];
    let token = |role: &str| format!("{role}-token-of-this-test-only");
    let mut web = format!("[web]\nlisten = \"127.0.0.1:{port}\"\n");
    for (role, key) in roles.iter().zip(["look_token_file", "operate_token_file", "token_file"]) {
        std::fs::write(folder.path().join(role), token(role)).unwrap();
        web += &format!("{key} = {:?}\n", folder.path().join(role));
    }
    let site = Site::new(&broker, "cold-roles", &web);
    let agent = Agent::start(&site);
    let url = format!("http://127.0.0.1:{port}");
    let stranger = Browser { url: url.clone(), cookie: String::new() };
    eventually("the page", SOON, || stranger.get("/").ok());
    assert_eq!(status(stranger.get("/page/role")), 401);

    let goal = json!({"name": "keep cold", "keep": {"sensor": "room", "min": 2, "max": 8}});
    let rule = json!({"name": "dark", "when": "room > 50", "set": {"lamp": "off"}});
    let orders = [
        (1, json!({"kind": "set", "what": {"actuator": "lamp", "value": "on"}})),
        (1, json!({"kind": "ask", "what": {"text": "what is the room?"}})),
        (1, json!({"kind": "approve", "what": {"approval": "none"}})),
        (1, json!({"kind": "goal", "what": {"put": goal}})),
        (2, json!({"kind": "rule", "what": {"put": rule}})),
        (2, json!({"kind": "note", "what": {"put": "Save power."}})),
        (2, json!({"kind": "model", "what": {"model": "none"}})),
        (2, json!({"kind": "update", "what": {"look": true}})),
    ];
    for (rank, role) in roles.iter().enumerate() {
        let login = stranger.post("/page/login", &url, &json!({"token": token(role)})).unwrap();
        let cookie = login.headers()["set-cookie"].to_str().unwrap().to_owned();
        let browser =
            Browser { url: url.clone(), cookie: cookie.split(';').next().unwrap().into() };
        assert_eq!(browser.json("/page/role")["role"], *role);
        for path in ["/page/decisions", "/page/wishes", "/metrics", "/v1/models"] {
            assert_eq!(status(browser.get(path)), 200, "{role} {path}");
        }
        for (needed, order) in &orders {
            let wanted = if rank >= *needed { 202 } else { 403 };
            let found = status(browser.post("/page/command", &url, order));
            assert_eq!(found, wanted, "{role}: {order}");
        }
        let asked = status(browser.post("/v1/decide", &url, &json!({})));
        assert_eq!(asked == 403, rank == 0, "{role} asks the mind: {asked}");
        let bearer = ureq::get(format!("{url}/page/role"));
        let mut told =
            bearer.header("Authorization", format!("Bearer {}", token(role))).call().unwrap();
        assert_eq!(read(&mut told)["role"], *role, "as a program");
    }
    let kinds = |kind: &str| {
        let all = site.records("command");
        let of = |one: &&Json| one["command"].as_str().unwrap().starts_with(kind);
        all.iter().filter(of).filter(|one| one["state"] != "executing").count()
    };
    eventually("one rule of three", SOON, || (kinds("rule/") == 2).then_some(()));
    assert!(agent.stop().success());
    let log = site.log();
    assert!(roles.iter().all(|role| !log.contains(&token(role))), "a token is in the log");
}

/// How a release ended stands on the page, with its reason.
#[test]
fn the_page_tells_how_updates_stand() {
    let broker = Broker::start();
    let bus = Bus::join(&broker);
    let port = free_port();
    let web = format!("{UPDATE}[web]\nlisten = \"127.0.0.1:{port}\"\n");
    let site = Site::new(&broker, "cold-updates", &web);
    let release = publish(&site, "1.0.0", "exit 7");
    let _supervisor = Supervisor::start(&site);
    let browser = Browser { url: format!("http://127.0.0.1:{port}"), cookie: String::new() };
    let told = |word: &'static str| {
        bus.wait_json(0, &site.topic("update"), PATIENCE, |told| told["state"] == word);
        eventually("the page", SOON, || browser.get("/").ok());
        browser.stream(word, |_, state| {
            (state["update"]["state"] == word).then(|| state["update"].clone())
        })
    };
    let idle = told("idle");
    assert_eq!((&idle["running"], &idle["follows"]), (&Json::Null, &json!(true)), "{idle}");
    let (said, good) = apply(&site, &release);
    assert!(good, "{said}");
    let undone = told("undone");
    assert_eq!(undone["release"], "1.0.0");
    assert!(!undone["reason"].as_str().unwrap().is_empty(), "{undone}");
}

/// The story and the past.
fn looks_back(browser: &Browser, place: &Place) {
    mind::acts(place);
    let decided = eventually("a decision", SOON, || {
        let decisions = browser.json("/page/decisions?limit=5");
        decisions["decisions"].as_array().unwrap().first().cloned()
    });
    assert!(decided["cause"].as_str().unwrap().contains("room"), "{decided}");
    let seq = decided["seq"].as_u64().unwrap();
    let older = browser.json(&format!("/page/decisions?before={seq}"));
    let older = older["decisions"].as_array().unwrap();
    assert!(older.iter().all(|one| one["seq"].as_u64().unwrap() < seq), "{older:?}");
    let what = json!({"decision": decided["id"], "good": true});
    let rating = json!({"kind": "rate", "what": what});
    assert_eq!(status(browser.post("/page/command", &browser.url, &rating)), 202);
    let said = eventually("the rating among what was said", SOON, || {
        let said = browser.json("/page/events?limit=3")["events"].as_array().unwrap().clone();
        said.iter().find(|one| one["event"] == "rating").cloned()
    });
    assert!(said["text"].as_str().unwrap().contains(decided["id"].as_str().unwrap()), "{said}");
    let seq = said["seq"].as_u64().unwrap();
    let older = browser.json(&format!("/page/events?before={seq}"));
    let older = older["events"].as_array().unwrap();
    assert!(older.iter().all(|one| one["seq"].as_u64().unwrap() < seq), "{older:?}");
    let past = browser.json("/page/history?hours=1");
    let room = past["series"]["room"].as_array().unwrap();
    assert!(room.len() == 240 && room.iter().any(Json::is_number), "{past}");
    assert_eq!(status(browser.get("/page/history?hours=99999")), 400);
}
