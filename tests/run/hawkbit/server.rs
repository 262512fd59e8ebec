//! A hawkBit server for tests: a small one of our own that answers as the documentation of its
//! device API says, or, where `OUTPOST_HAWKBIT` names its address, a real one that is told by its
//! management API what to do (`make test-hawkbit`).

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::{Value as Json, json};

use crate::common::eventually;
use crate::launched::PATIENCE;

/// A server with one board on it.
pub struct Server {
    /// Where it is.
    pub url: String,
    /// The board's token.
    pub token: String,
    board: String,
    own: Option<Arc<Mutex<Own>>>,
    modules: BTreeSet<String>,
    sets: usize,
}

/// What became of an action: how it stands, in the server's word, and everything that was told.
#[derive(Clone, Debug, Default)]
pub struct Told {
    pub states: Vec<String>,
    pub text: String,
}

impl Server {
    /// With a board that it expects.
    pub fn start(board: &str) -> Server {
        let token = format!("token-of-{board}");
        let real = std::env::var("OUTPOST_HAWKBIT").ok();
        let (url, own) = match real {
            Some(url) => (url, None),
            None => {
                let listener = TcpListener::bind("127.0.0.1:0").unwrap();
                let url = format!("http://{}", listener.local_addr().unwrap());
                let (token, board) = (token.clone(), board.to_owned());
                let own = Arc::new(Mutex::new(Own { token, board, ..Own::default() }));
                let shared = own.clone();
                std::thread::spawn(move || {
                    for stream in listener.incoming() {
                        let Ok(stream) = stream else { return };
                        // A client that hangs up is nobody's fault.
                        drop(serve(stream, &shared));
                    }
                });
                (url, Some(own))
            }
        };
        let (modules, sets) = (BTreeSet::new(), 0);
        let server = Server { url, token, board: board.into(), own, modules, sets };
        if server.own.is_none() {
            let target =
                json!({"controllerId": board, "name": board, "securityToken": server.token});
            server.manage("POST", "targets", &json!([target]));
        }
        server
    }

    fn manage(&self, method: &str, path: &str, body: &Json) -> Json {
        let request = ureq::http::Request::builder()
            .method(method)
            .uri(format!("{}/rest/v1/{path}", self.url))
            .header("Authorization", "Basic YWRtaW46YWRtaW4=")
            .header("Content-Type", "application/json");
        let body = if body.is_null() { String::new() } else { body.to_string() };
        let mut answer = ureq::run(request.body(body).unwrap()).unwrap();
        let text = answer.body_mut().read_to_string().unwrap();
        serde_json::from_str(&text).unwrap_or(Json::Null)
    }

    /// Assigns a release: `soft`, `forced` or `downloadonly`. The action's id.
    pub fn assign(&mut self, release: &str, how: &str) -> String {
        self.sets += 1;
        // Once by the module's version, and where there is such a module by metadata.
        let by_version = self.modules.insert(release.to_owned());
        let (name, version) = match by_version {
            true => ("outpost".to_owned(), release.to_owned()),
            false => (format!("{}-{}", self.board, self.sets), "1".to_owned()),
        };
        let metadata = (!by_version)
            .then(|| json!([{"key": "outpost-release", "value": release, "targetVisible": true}]));
        if let Some(own) = &self.own {
            let chunk = json!({"part": "bApp", "name": name, "version": version, "artifacts": [],
                "metadata": metadata.unwrap_or(json!([]))});
            return own.lock().unwrap().assign(chunk, how);
        }
        let set = self.set(&name, &version, metadata);
        let path = format!("distributionsets/{set}/assignedTargets");
        let done = self.manage("POST", &path, &json!([{"id": self.board, "type": how}]));
        done["assignedActions"][0]["id"].to_string()
    }

    /// A distribution set of one module, on a real server.
    fn set(&self, name: &str, version: &str, metadata: Option<Json>) -> Json {
        let module = json!([{"name": name, "version": version, "type": "application"}]);
        let module = self.manage("POST", "softwaremodules", &module)[0]["id"].clone();
        if let Some(metadata) = metadata {
            self.manage("POST", &format!("softwaremodules/{module}/metadata"), &metadata);
        }
        let set = json!([{"name": self.board, "version": self.sets.to_string(), "type": "app",
            "modules": [{"id": module}]}]);
        self.manage("POST", "distributionsets", &set)[0]["id"].clone()
    }

    /// Whether it is a real one, which has rollouts of its own.
    pub fn is_real(&self) -> bool {
        self.own.is_none()
    }

    /// A rollout of a real server: this board first, then another one, as long as none fails.
    pub fn roll_out(&mut self, release: &str, other: &str) -> Rollout<'_> {
        self.sets += 1;
        let (name, token) = (format!("{}-{}", self.board, self.sets), format!("token-of-{other}"));
        let target = json!({"controllerId": other, "name": other, "securityToken": token});
        if self.sets == 1 {
            self.manage("POST", "targets", &json!([target]));
        }
        let named = json!([{"key": "outpost-release", "value": release, "targetVisible": true}]);
        let set = self.set(&name, "1", Some(named));
        let (all, first) = (
            format!("controllerId=={},controllerId=={other}", self.board),
            format!("controllerId=={}", self.board),
        );
        let threshold = |of: &str| json!({"condition": "THRESHOLD", "expression": of});
        let rollout = json!({"name": name, "distributionSetId": set, "targetFilterQuery": all,
            "type": "forced", "successCondition": threshold("100"),
            "successAction": {"action": "NEXTGROUP", "expression": ""},
            "errorCondition": threshold("50"),
            "errorAction": {"action": "PAUSE", "expression": ""},
            "groups": [{"name": "first", "targetFilterQuery": first, "targetPercentage": 100},
                {"name": "rest", "targetPercentage": 100}]});
        let id = self.manage("POST", "rollouts", &rollout)["id"].to_string();
        let one = Rollout { server: self, id, other: other.into() };
        one.until(|status, _| status == "ready");
        one.server.manage("POST", &format!("rollouts/{}/start", one.id), &Json::Null);
        one
    }

    /// Wants an action to be given up.
    pub fn cancel(&self, action: &str) {
        match &self.own {
            Some(own) => own.lock().unwrap().action(action).canceling = true,
            None => {
                let path = format!("targets/{}/actions/{action}", self.board);
                self.manage("DELETE", &path, &Json::Null);
            }
        }
    }

    /// What the board has told of an action.
    pub fn told(&self, action: &str) -> Told {
        if let Some(own) = &self.own {
            return own.lock().unwrap().action(action).told.clone();
        }
        let path = format!("targets/{}/actions/{action}/status?limit=50", self.board);
        let all = self.manage("GET", &path, &Json::Null);
        let mut told = Told::default();
        for one in all["content"].as_array().unwrap().iter().rev() {
            told.states.push(one["type"].as_str().unwrap().to_owned());
            for message in one["messages"].as_array().unwrap() {
                told.text.push_str(message.as_str().unwrap_or_default());
                told.text.push('\n');
            }
        }
        told
    }

    /// Waits until an action stands so and these words were told; everything that was.
    pub fn until(&self, action: &str, state: &str, words: &str) -> Told {
        let mut last = Told::default();
        let mut look = || {
            last = self.told(action);
            let is_so = last.states.iter().any(|one| one == state) && last.text.contains(words);
            is_so.then(|| last.clone())
        };
        let until = std::time::Instant::now() + PATIENCE;
        while std::time::Instant::now() < until {
            if let Some(told) = look() {
                return told;
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        panic!("action {action} was never {state} with {words:?}: {last:?}");
    }

    /// How often the board has asked at all, and how often what an action is.
    pub fn asked(&self) -> (usize, usize) {
        let own = self.own.as_ref().unwrap().lock().unwrap();
        (own.asked, own.asked_what)
    }

    /// Says no to the board's attributes, and to a status with such words; or to nothing.
    pub fn refuse(&self, words: Option<&'static str>) {
        self.own.as_ref().unwrap().lock().unwrap().refuses = words;
    }

    /// Waits until it has said no to a status.
    pub fn until_refused(&self) {
        eventually("a refused status", PATIENCE, || {
            (self.own.as_ref().unwrap().lock().unwrap().refused > 0).then_some(())
        });
    }

    /// Waits until it knows an attribute of the board.
    pub fn until_attribute(&self, key: &str, value: &str) {
        eventually(key, PATIENCE, || {
            let all = match &self.own {
                Some(own) => own.lock().unwrap().attributes.clone(),
                None => {
                    self.manage("GET", &format!("targets/{}/attributes", self.board), &Json::Null)
                }
            };
            (all[key] == value).then_some(())
        });
    }
}

/// A rollout of a real server.
pub struct Rollout<'a> {
    server: &'a Server,
    id: String,
    other: String,
}

impl Rollout<'_> {
    /// Waits until it stands so: its state, and whether the other board has an open action.
    pub fn until(&self, mut is_so: impl FnMut(&str, bool) -> bool) {
        eventually("a rollout's next state", PATIENCE, || {
            let read = |path: String| self.server.manage("GET", &path, &Json::Null);
            let status = read(format!("rollouts/{}", self.id))["status"].clone();
            let actions = read(format!("targets/{}/actions?sort=id:DESC", self.other));
            let is_open = actions["content"][0]["status"] == "pending";
            is_so(status.as_str().unwrap(), is_open).then_some(())
        });
    }
}

#[derive(Default)]
struct Own {
    token: String,
    board: String,
    attributes: Json,
    actions: Vec<Action>,
    asked: usize,
    asked_what: usize,
    refuses: Option<&'static str>,
    refused: usize,
}

struct Action {
    deployment: Json,
    told: Told,
    canceling: bool,
    over: bool,
}

impl Own {
    fn assign(&mut self, chunk: Json, how: &str) -> String {
        let (download, update) = match how {
            "soft" => ("attempt", "attempt"),
            "downloadonly" => ("forced", "skip"),
            _ => ("forced", "forced"),
        };
        let deployment = json!({"download": download, "update": update, "chunks": [chunk]});
        let told = Told::default();
        self.actions.push(Action { deployment, told, canceling: false, over: false });
        self.actions.len().to_string()
    }

    fn action(&mut self, id: &str) -> &mut Action {
        let number: usize = id.parse().unwrap();
        &mut self.actions[number - 1]
    }

    /// Status and body of an answer.
    fn answer(&mut self, method: &str, path: &str, token: &str, body: &Json) -> (u16, Json) {
        let base = format!("/DEFAULT/controller/v1/{}", self.board);
        let Some(rest) = path.strip_prefix(&base) else { return (404, Json::Null) };
        if token != format!("TargetToken {}", self.token) {
            return (401, Json::Null);
        }
        let parts: Vec<_> = rest.split('/').skip(1).collect();
        match (method, &parts[..]) {
            ("GET", []) => {
                self.asked += 1;
                (200, self.base(&base))
            }
            ("PUT", ["configData"]) if self.refuses.is_some() => (403, Json::Null),
            ("PUT", ["configData"]) => {
                self.attributes = body["data"].clone();
                (200, Json::Null)
            }
            ("GET", ["deploymentBase", id]) => {
                self.asked_what += 1;
                (200, json!({"id": id, "deployment": self.action(id).deployment}))
            }
            ("GET", ["cancelAction", id]) => {
                (200, json!({"id": id, "cancelAction": {"stopId": id}}))
            }
            ("POST", ["deploymentBase", _, "feedback"]) if self.is_refused(body) => {
                self.refused += 1;
                (403, Json::Null)
            }
            ("POST", [what, id, "feedback"]) => (self.hear(what, id, &body["status"]), Json::Null),
            _ => (404, Json::Null),
        }
    }

    fn is_refused(&self, body: &Json) -> bool {
        let said = body["status"]["details"][0].as_str().unwrap();
        self.refuses.is_some_and(|words| said.contains(words))
    }

    fn base(&self, base: &str) -> Json {
        let mut links = serde_json::Map::new();
        let open = self.actions.iter().position(|action| !action.over);
        if let Some(place) = open {
            let canceling = self.actions[place].canceling;
            let what = if canceling { "cancelAction" } else { "deploymentBase" };
            // As behind a proxy that nobody told it of: only the id is of use.
            let href = format!("http://elsewhere.invalid{base}/{what}/{}?c=-7", place + 1);
            links.insert(what.into(), json!({"href": href}));
        }
        if self.attributes.is_null() {
            links.insert("configData".into(), json!({"href": format!("{base}/configData")}));
        }
        json!({"config": {"polling": {"sleep": "00:00:01"}}, "_links": links})
    }

    fn hear(&mut self, what: &str, id: &str, status: &Json) -> u16 {
        let word = |json: &Json| json.as_str().unwrap().to_owned();
        let execution = word(&status["execution"]);
        let finished = word(&status["result"]["finished"]);
        let action = self.action(id);
        if action.over {
            return 410;
        }
        for text in status["details"].as_array().unwrap() {
            action.told.text.push_str(&format!("{}\n", word(text)));
        }
        let (state, over) = match (what, &*execution, &*finished) {
            ("cancelAction", "closed", "success") => ("canceled", true),
            ("cancelAction", "rejected", _) => {
                action.canceling = false;
                ("cancel_rejected", false)
            }
            (_, "closed", "success") => ("finished", true),
            (_, "closed", _) => ("error", true),
            (_, "downloaded", _) => ("downloaded", action.deployment["update"] == "skip"),
            _ => ("running", false),
        };
        action.told.states.push(state.into());
        action.over = over;
        200
    }
}

fn serve(mut stream: TcpStream, own: &Mutex<Own>) -> std::io::Result<()> {
    let mut reader = BufReader::new(stream.try_clone()?);
    let mut first = String::new();
    reader.read_line(&mut first)?;
    let (mut token, mut length) = (String::new(), 0);
    loop {
        let mut line = String::new();
        reader.read_line(&mut line)?;
        let Some((key, value)) = line.trim().split_once(": ") else { break };
        match &*key.to_lowercase() {
            "authorization" => value.clone_into(&mut token),
            "content-length" => length = value.parse().unwrap(),
            _ => {}
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body)?;
    let body = serde_json::from_slice(&body).unwrap_or(Json::Null);
    let mut words = first.split(' ');
    let (method, path) = (words.next().unwrap(), words.next().unwrap());
    let (status, body) = own.lock().unwrap().answer(method, path, &token, &body);
    let body = if body.is_null() { String::new() } else { body.to_string() };
    let length = body.len();
    write!(
        stream,
        "HTTP/1.1 {status} So\r\nConnection: close\r\nContent-Length: {length}\r\n\r\n"
    )?;
    stream.write_all(body.as_bytes())
}
