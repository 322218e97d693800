// SPDX-License-Identifier: GPL-3.0-or-later
internal import ClusterModel
internal import DocumentServer
internal import EncryptedStore
internal import Metrics
internal import Replication
internal import ReplicationCore
internal import Transport

extension AgentMetrics {
  private static let phases = [
    "awaiting settings", "empty", "awaiting KMS", "opening", "serving", "disabled", "stopped", "failed", "not approved",
  ]
  private static let roles: [MemberRole] = [.primary, .secondary, .candidate, .learner]

  static func write(_ snapshot: AgentMeasures.Snapshot, now: Int64, to page: inout MetricsPage) {
    page.set(phase, state: snapshot.phase.name, of: phases)
    page.set(connected, snapshot.isConnected)
    page.set(superseded, snapshot.supersededGenerations)
    page.set(verdict, state: snapshot.check?.verdict.name, of: Verdict.names)
    if let check = snapshot.check { page.set(checkAge, age(of: check.startedAtMilliseconds, now: now)) }
    page.set(encrypted, snapshot.generation?.encrypted ?? false)
    if let generation = snapshot.generation, generation.encrypted {
      page.set(masterKeyAge, age(of: generation.masterKeyCreatedAtMilliseconds, now: now))
      page.set(keystoreVersion, generation.keystoreVersion)
      if let proof = snapshot.restartProof, proof.masterKeyID == generation.masterKeyID {
        page.set(restartProofAge, age(of: proof.provenAtMilliseconds, now: now))
      }
    }
    if let keys = snapshot.databaseKeys { page.set(databaseKeys, keys) }
    page.set(syncing, snapshot.progress != nil)
    if let progress = snapshot.progress {
      page.set(syncDocuments, progress.documents)
      page.set(syncExpected, progress.documentsTotal)
      page.set(syncBytes, progress.bytes)
      page.set(syncBytesExpected, progress.bytesTotal)
      page.set(syncDocumentsBefore, progress.documentsBefore)
      if let seconds = progress.secondsLeft { page.set(syncSecondsLeft, seconds) }
      if let seconds = progress.oplogSeconds { page.set(syncOplogSeconds, seconds) }
    }
    if let scrub = snapshot.scrub {
      page.set(scrubPaused, scrub.pause != nil)
      if scrub.lastPassAtMilliseconds > 0 { page.set(scrubAge, age(of: scrub.lastPassAtMilliseconds, now: now)) }
    }
    if let use = snapshot.cache {
      page.set(cache, use.usedBytes)
      page.set(cacheDirty, use.dirtyBytes)
      page.set(cacheLimit, use.limitBytes)
    }
  }

  static func write(_ status: MemberStatus, to page: inout MetricsPage) {
    page.set(role, state: status.role.rawValue, of: roles.map(\.rawValue))
    page.set(takesWrites, status.takesWrites)
    page.set(term, status.term)
    page.set(lastIndex, status.lastIndex)
    page.set(commitIndex, status.commitIndex)
    page.set(appliedIndex, status.appliedIndex)
    page.set(oplogBytes, status.oplog.bytes)
    page.set(oplogWindow, status.oplog.windowSeconds)
    page.set(oplogEntries, (status.lastIndex + 1) - min(status.oplog.firstIndex, status.lastIndex + 1))
    page.set(recovering, status.isRecovering)
    page.set(voters, status.voters.count)
    page.set(needsSync, status.needsInitialSync)
    for peer in status.peers {
      page.set(lag, status.lastIndex - min(peer.match, status.lastIndex), [peer.member.text])
      if let time = peer.silence { page.set(silence, time / .seconds(1), [peer.member.text]) }
    }
    page.setQueue("writers", items: status.waitingWriters, limit: ReplicaMember.waitingWritersLimit)
  }

  static func write(_ load: NetworkLoad, to page: inout MetricsPage) {
    page.set(syncsServed, load.copiesServed)
    page.set(refusedIncarnations, load.refusedIncarnations)
    page.setQueue("replication in", items: load.inbox.values, limit: load.inbox.valueLimit)
    page.setQueue("replication in", bytes: load.inbox.bytes, limit: load.inbox.byteLimit)
    page.setQueue("entries to slow members", refused: load.heldBack)
    page.setQueue("replication in", refused: load.inbox.refused)
    LinkMetrics.write(load.counters, load.outbound, limits: .replication, of: "replication", to: &page)
  }

  static func write(_ load: ServerLoad, to page: inout MetricsPage) {
    page.setQueue("driver connections", items: load.connections, limit: load.connectionLimit)
    page.setQueue("driver connections without a login", items: load.strangers, limit: load.connectionLimit)
    page.setQueue("driver requests", bytes: load.requestBytes, limit: load.requestByteLimit)
    page.setQueue("driver replies", bytes: load.replyBytes, limit: load.replyByteLimit)
    page.setQueue("waiting for driver memory", items: load.waitingForMemory, limit: load.connectionLimit)
    page.setQueue("cursors", items: load.cursors.cursors, limit: load.cursors.cursorLimit)
    page.setQueue("cursors", bytes: load.cursors.bytes, limit: load.cursors.byteLimit)
  }

  private static func age(of milliseconds: Int64, now: Int64) -> Double { max(0, Double(now - milliseconds) / 1000) }
}

extension Verdict {
  /// The names of all verdicts.
  static let names = ["valid", "revoked", "unreachable"]

  /// The verdict's bare name.
  var name: String {
    switch self {
    case .valid: "valid"
    case .revoked: "revoked"
    case .unreachable: "unreachable"
    }
  }
}
