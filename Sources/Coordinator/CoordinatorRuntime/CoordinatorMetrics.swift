// SPDX-License-Identifier: GPL-3.0-or-later
internal import CoordinatorCore
internal import Metrics

/// The metrics of a coordinator and how they are written.
enum CoordinatorMetrics {
  static let epoch = Metric(.gauge, "keyfold_epoch", "The epoch of this life of the coordinator.")
  static let enrolled = Metric(.gauge, "keyfold_nodes_enrolled", "Nodes that are enrolled.")
  static let connected = Metric(.gauge, "keyfold_nodes_connected", "Nodes whose agent is connected now.")
  static let plans = Metric(
    .gauge, "keyfold_plans", labels: ["state"],
    "Plans that are remembered: running, waiting for something, succeeded, superseded, rolled back, gave up.")
  static let alerts = Metric(.gauge, "keyfold_alerts_open", labels: ["kind"], "Alerts that are open now.")
  static let verdict = Metric(
    .gauge, "keyfold_project_kms_verdict", labels: ["project", "verdict"],
    "1 for what the coordinator's last check said of a project's key.")
  static let checkAge = Metric(
    .gauge, "keyfold_project_kms_check_age_seconds", labels: ["project"],
    "How long ago the coordinator's last check of a project's key began.")
  static let mailsWaiting = Metric(
    .gauge, "keyfold_mails_waiting", "Mails to owners that no server has taken yet, counted for each recipient.")
  static let storeWrites = Metric(
    .histogram, "keyfold_store_write_seconds", "How long a change took to be durable in the coordinator's store.")

  static let masterKeyAge = Metric(
    .gauge, "keyfold_cluster_master_key_age_seconds", labels: ["cluster"],
    "How old the oldest master key in use of a cluster is, by its node's clock.")
  static let restartProofAge = Metric(
    .gauge, "keyfold_cluster_restart_proof_age_seconds", labels: ["cluster"],
    "How long ago the node of a cluster that proved it longest ago proved that it could restart.")
  static let customerKeyAge = Metric(
    .gauge, "keyfold_project_key_age_seconds", labels: ["project"],
    "How long a project's customer key has been in use.")

  /// All that is measured here.
  static let all = [
    masterKeyAge, restartProofAge, customerKeyAge, epoch, enrolled, connected, plans, alerts, verdict, checkAge,
    mailsWaiting, storeWrites,
  ]

  static let verdicts = ["valid", "revoked", "unreachable"]
  static let planStates = ["running", "waiting", "succeeded", "superseded", "rolled back", "gave up"]

  static func write(_ snapshot: CoordinatorMeasures.Snapshot, now: Instant, to page: inout MetricsPage) {
    page.set(epoch, snapshot.epoch)
    page.set(enrolled, snapshot.enrolled)
    page.set(connected, snapshot.connected)
    for state in planStates { page.set(plans, snapshot.plans[state] ?? 0, [state]) }
    for kind in AlertKind.allCases { page.set(alerts, snapshot.alerts[kind.rawValue] ?? 0, [kind.rawValue]) }
    page.set(mailsWaiting, snapshot.mailsWaiting)
    for (cluster, age) in snapshot.masterKeyAges { page.set(masterKeyAge, age / .seconds(1), [cluster]) }
    for (cluster, age) in snapshot.restartProofAges { page.set(restartProofAge, age / .seconds(1), [cluster]) }
    for (project, age) in snapshot.customerKeyAges { page.set(customerKeyAge, age / .seconds(1), [project]) }
    for check in snapshot.checks {
      page.set(verdict, state: check.verdict, of: verdicts, [check.project])
      page.set(checkAge, max(0, (now - check.startedAt) / .seconds(1)), [check.project])
    }
  }
}

extension PlanRecord {
  /// Where the plan stands, in one of `CoordinatorMetrics.planStates`.
  func state(waits: Bool) -> String {
    switch outcome {
    case nil: waits ? "waiting" : "running"
    case .succeeded: "succeeded"
    case .superseded: "superseded"
    case .rolledBack: "rolled back"
    case .gaveUp: "gave up"
    }
  }
}
