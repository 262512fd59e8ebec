//! Several models under a budget of bytes: loaded when they are asked for, unloaded for each other.

use std::path::{Path, PathBuf};

use outpost::mind::client::{Files, MindConfig};
use outpost::mind::gguf;
use outpost::mind::registry::{Lease, Listed, Others, Registry, RegistryError};

use crate::architectures::made;
use crate::model_path;
use crate::process::{Mind, config, request};

fn files(name: &str, model: PathBuf) -> Files {
    Files {
        model,
        model_name: name.to_owned(),
        sha256: None,
        temperature_percent: 100,
        adapter: None,
        adapter_name: "none".to_owned(),
    }
}

fn registry(mind: &Mind, folder: &Path, memory_bytes: u64) -> Registry {
    let other = |name: &str| files(name, folder.join(format!("{name}.gguf")));
    let others = ["llama", "qwen2", "gemma3", "absent"].map(other).into();
    let start = MindConfig { context_tokens: 256, ..config(files("m", model_path())) };
    Registry::new(mind.handle.clone(), Some(Others { files: others, memory_bytes, start }))
}

async fn decide(lease: &Lease) -> Vec<f32> {
    lease.handle.ask(request(1, "A barn.\n")).await.expect("an answer").p
}

fn ready(registry: &Registry) -> Vec<String> {
    let ready = registry.list().into_iter().filter(|one| one.ready);
    ready.map(|Listed { name, .. }| name).collect()
}

#[tokio::test]
async fn models_are_loaded_when_asked_for_and_unloaded_for_each_other() {
    let folder = made();
    let bytes = |name: &str| {
        let facts = gguf::check(&folder.path().join(format!("{name}.gguf"))).expect("a model");
        facts.memory_bytes(256)
    };
    // Room for one of them, and not for the largest.
    let most = bytes("llama").max(bytes("qwen2"));
    assert!(bytes("gemma3") > most);
    let mut mind = Mind::start(&model_path(), None);
    mind.ready().await;
    let registry = registry(&mind, folder.path(), most);
    assert_eq!(ready(&registry), ["m"]);

    let llama = registry.lease(Some("llama")).await.expect("loaded");
    let first = decide(&llama).await;
    assert_eq!(ready(&registry), ["m", "llama"]);
    // Its own estimate holds.
    let memory = llama.handle.memory().await.expect("figures");
    assert!(memory.pss_bytes < bytes("llama"), "{memory:?}");
    let process = llama.handle.process_id();
    let again = registry.lease(Some("llama")).await.expect("loaded");
    assert_eq!(again.handle.process_id(), process, "loaded once");
    drop(again);

    // While it is answering nobody takes its room; the agent's own answers all the time.
    match registry.lease(Some("qwen2")).await {
        Err(RegistryError::Busy { name }) => assert_eq!(name, "qwen2"),
        other => panic!("not busy: {other:?}"),
    }
    assert_ne!(decide(&registry.lease(None).await.expect("pinned")).await, first);
    drop(llama);
    let qwen2 = registry.lease(Some("qwen2")).await.expect("loaded");
    assert_ne!(decide(&qwen2).await, first);
    assert_eq!(ready(&registry), ["m", "qwen2"]);
    drop(qwen2);
    let llama = registry.lease(Some("llama")).await.expect("loaded again");
    assert_eq!(decide(&llama).await, first);
    drop(llama);

    let refused = async |name: &str| registry.lease(Some(name)).await.expect_err("refused");
    let text = refused("other").await.to_string();
    assert!(text.contains("\"other\"") && text.contains("\"m\", \"llama\""), "{text}");
    assert!(matches!(refused("gemma3").await, RegistryError::TooLarge { .. }));
    let text = refused("absent").await.to_string();
    assert!(text.contains("absent.gguf"), "{text}");
    std::fs::write(folder.path().join("absent.gguf"), b"GGUF and no more").expect("written");
    assert!(matches!(refused("absent").await, RegistryError::File(_)));
    assert_eq!(ready(&registry), ["m", "llama"], "who was refused costs nobody their place");

    // A board that is spared has no room for others' models.
    let share = mind.handle.full_share();
    mind.handle.set_share(outpost::mind::client::Share { paused: true, ..share });
    mind.paused().await;
    assert!(matches!(refused("llama").await, RegistryError::Absent(_)));
    assert_eq!(ready(&registry), Vec::<String>::new());
}
