#![allow(clippy::unwrap_used)]

use super::*;

/// Metrics of which every one has a value, with as many series as clients and the chain can cause.
pub(super) fn full() -> Metrics {
    let metrics = Metrics::new(Registry::new()).unwrap();
    metrics.at_height(7, 1_500);
    metrics.state_of(5, 9);
    metrics.executed(&[TxResult::default(), TxResult { code: 1, ..TxResult::default() }], Duration::from_millis(3));
    metrics.committed(Duration::from_millis(1));
    metrics.took_rounds(1);
    metrics.counts_hooks(["unbonded"]);
    metrics.watch_validator([7; 20], 6);
    metrics.waiting(0);
    metrics.supervises();
    metrics.called("Commit", Duration::from_millis(1));
    metrics.disk(Some(Disk { free: 1, size: 2, low: 1 }));
    metrics.disk_stops_below(4);
    metrics.disk_used("state", Some(3));
    metrics.snapshot(Some(NewestSnapshot { height: 5, time_ms: Some(1), took: Some(Duration::from_secs(1)) }));
    metrics.snapshot_period(Some(Duration::from_secs(3_600)));
    metrics.answered("/v1/status", RequestKind::Read, 200, Duration::from_millis(1));
    for code in 0..1_000 {
        for codespace in [ChainError::CODESPACE, "bank", "a codespace of somebody's"] {
            metrics.checked(&TxResult { code, codespace: codespace.into(), ..TxResult::default() });
        }
    }
    metrics.moment(&Moment {
        checks: vec![("disk", Some(true))],
        peers: Some(3),
        validators: Some(4),
        own: Some(OwnValidator { power: 1, missed: 2, may_miss: 3, jailed: false }),
        settlement_lag: Some(Duration::ZERO),
        unsettled_vvv: Some(1.5),
        cache_bytes: Some(1),
        tree_bytes: Some(2),
    });
    metrics
}

#[test]
fn every_name_says_module_and_what_and_a_total_is_a_counter() {
    let metrics = full();
    let modules = [
        "abci",
        "build",
        "chain",
        "comet",
        "consensus",
        "credits",
        "disk",
        "hooks",
        "http",
        "log",
        "mempool",
        "ready",
        "snapshot",
        "store",
        "validator",
    ];
    for family in metrics.registry.gather() {
        let name = family.name();
        // `promtool check metrics` demands that a total is a counter and a counter is a total.
        let is_counter = family.get_field_type() == prometheus::proto::MetricType::COUNTER;
        assert_eq!(is_counter, name.ends_with("_total"), "{name}");
        assert!(!family.help().is_empty(), "{name}");
        if name.starts_with("process_") {
            continue;
        }
        let parts: Vec<&str> = name.split('_').collect();
        assert!(parts.len() >= 2 && parts[0] == "diem" && modules.contains(&parts[1]), "{name}");
    }
}

#[test]
fn errors_of_transactions_cannot_make_many_series() {
    let metrics = full();
    let families = metrics.registry.gather();
    let rejected = families.iter().find(|family| family.name() == "diem_mempool_rejected_txs_total").unwrap();
    assert!(rejected.get_metric().len() <= ChainError::TABLE.len() + 2, "{}", rejected.get_metric().len());
}

#[test]
fn what_nobody_told_of_is_absent_and_can_become_unknown_again() {
    let metrics = Metrics::new(Registry::new()).unwrap();
    let has = |name: &str| metrics.render().unwrap().contains(name);
    for name in [
        "diem_chain_height_blocks",
        "diem_chain_block_age_seconds",
        "diem_mempool_waiting_txs",
        "diem_consensus_peers",
        "diem_comet_restarts_total",
        "diem_validator_power",
        "diem_disk_free_bytes",
        "diem_snapshot_height",
    ] {
        assert!(!has(name), "{name}");
    }
    for waiting in [0, 3] {
        metrics.waiting(waiting);
        assert!(has(&format!("diem_mempool_waiting_txs {waiting}\n")));
    }
    let moment = |peers, passed| Moment { peers, checks: vec![("disk", passed)], ..Moment::default() };
    metrics.moment(&moment(Some(0), Some(false)));
    assert!(has("diem_consensus_peers 0\n") && has("diem_ready{check=\"disk\"} 0\n"));
    metrics.moment(&moment(None, None));
    assert!(!has("diem_consensus_peers") && !has("diem_ready"));
}

#[test]
fn what_happened_is_in_the_text() {
    let metrics = full();
    metrics.hook_failed("unbonded");
    metrics.comet_restarted();
    let (connection, stream) = (metrics.connection(), metrics.stream());
    drop(stream);
    metrics.refused(Refusal::Streams);
    metrics.voted(8, &[Vote { validator: [7; 20], signed: true, power: 1 }]);
    metrics.voted(9, &[Vote { validator: [7; 20], signed: false, power: 1 }]);
    metrics.voted(9, &[Vote { validator: [8; 20], signed: true, power: 1 }]);
    let text = metrics.render().unwrap();
    drop(connection);
    for line in [
        "diem_chain_height_blocks 7",
        "diem_chain_block_time_seconds 1.5",
        "diem_chain_txs_total 2",
        "diem_chain_failed_txs_total 1",
        "diem_store_rows 5",
        "diem_store_max_rows 9",
        "diem_chain_execute_seconds_count 1",
        "diem_mempool_rejected_txs_total{codespace=\"chain\",error=\"expired\"} 1",
        "diem_hooks_failed_total{hook=\"unbonded\"} 1",
        "diem_comet_restarts_total 1",
        "diem_http_connections 1",
        "diem_http_streams 0",
        "diem_http_refused_total{reason=\"reads\"} 0",
        "diem_http_refused_total{reason=\"streams\"} 1",
        "diem_http_requests_total{route=\"/v1/status\",status=\"2xx\"} 1",
        "diem_validator_signed_height 8",
        "diem_validator_signs_elsewhere 0",
        "diem_validator_may_miss_blocks 3",
        "diem_credits_unsettled_vvv 1.5",
        "diem_disk_warn_bytes 1",
        "diem_disk_stop_bytes 4",
        "diem_disk_used_bytes{part=\"state\"} 3",
        "diem_snapshot_height 5",
        "diem_abci_call_seconds_count{method=\"Commit\"} 1",
        "diem_ready{check=\"disk\"} 1",
    ] {
        assert!(text.lines().any(|found| found == line), "{line} is missing in\n{text}");
    }
}
