// SPDX-License-Identifier: GPL-3.0-or-later
internal import ClusterModel

/// What each heartbeat asks of the records, kept beside them: a search through all of them would make the cost of one
/// node's word grow with the number of clusters, and with how long a cluster has lived. Never persisted.
struct RecordIndex: Sendable {
  /// The plans of a cluster that are not finished.
  private(set) var openPlans: [ClusterName: Set<PlanID>] = [:]
  /// The id of the open alert of one kind about one subject.
  private(set) var openAlerts: [AlertTopic: String] = [:]
  /// A project's clusters.
  private(set) var clusters: [ProjectName: Set<ClusterName>] = [:]
  /// The highest number a plan has.
  private(set) var lastSequence: UInt64 = 0

  mutating func note(_ plan: PlanRecord) {
    lastSequence = max(lastSequence, plan.sequence)
    if plan.isOpen {
      openPlans[plan.cluster, default: []].insert(plan.id)
    } else if openPlans[plan.cluster]?.remove(plan.id) != nil, openPlans[plan.cluster]?.isEmpty == true {
      openPlans[plan.cluster] = nil
    }
  }

  mutating func note(_ alert: AlertRecord) {
    let topic = AlertTopic(kind: alert.kind, subject: alert.subject)
    if alert.closedAt == nil {
      openAlerts[topic] = alert.id
    } else if openAlerts[topic] == alert.id {
      openAlerts[topic] = nil
    }
  }

  mutating func note(_ cluster: ClusterRecord) { clusters[cluster.project, default: []].insert(cluster.name) }

  mutating func forget(_ cluster: ClusterRecord) { clusters[cluster.project]?.remove(cluster.name) }
}

/// What an alert is about: of one kind and subject one is open at most.
struct AlertTopic: Sendable, Hashable {
  let kind: AlertKind
  let subject: String
}
