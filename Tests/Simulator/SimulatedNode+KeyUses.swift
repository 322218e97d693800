// SPDX-License-Identifier: GPL-3.0-or-later
internal import AgentCore
internal import ClusterModel
internal import CoordinatorCore

/// What a node says of its calls to the KMS, and that the audit record has each of them once.
extension SimulatedNode {
  /// A call goes out; it is on disk before its answer is acted on.
  func noteKeyUse(_ verdict: Verdict) {
    let request = "\(name)/\(world.keyUses.count)"
    world.keyUses.insert(request)
    keyUses.note(
      KeyUse(
        provider: .aws, operation: .unwrap, keyID: SimulatedKMS.keyID, requestID: request,
        failure: verdict == .valid ? nil : "refused", startedAtMilliseconds: wallClock))
  }

  func reportKeyUses(_ life: AgentProcess) {
    guard let report = keyUses.due(now: monotonic(life)) else { return }
    let name = name
    toCoordinator { $0.hearKeyUses(report, of: name, link: $1) }
  }

  func onKeyUsesTaken(_ mark: KeyUseMark) {
    guard let life = process else { return }
    if keyUses.onTaken(mark) { reportKeyUses(life) }
  }
}

extension SimulatedCoordinator {
  /// Uses of KMS keys that the process says which has the node's place.
  func hearKeyUses(_ report: KeyUseReport, of name: NodeName, link: UInt64) {
    guard let process, let speaker = process.speakers[link], process.core.liveBoot(of: name) == speaker.boot else {
      return
    }
    input { $0.onKeyUses(name, report: report, now: $1) }
  }
}

extension SimulatedWorld {
  func checkAudit(_ entry: AuditEntry) {
    // What a store had taken that was put back to an older copy is gone from its record.
    if entry.action == "kms uses lost", !profile.restores { fail("uses of the key were lost: \(entry.detail)") }
    guard let request = entry.requestID else { return }
    statistics.count("use of the key recorded")
    if !recordedKeyUses.insert(request).inserted { fail("the use \(request) of the key is recorded twice") }
    if !keyUses.contains(request) { fail("a use of the key is recorded that was none") }
  }

  /// A use of the key that the record does not have, nil if it has all.
  var unrecordedKeyUse: String? {
    keyUses.subtracting(recordedKeyUses).subtracting(forgottenKeyUses).sorted()
      .first { use in !nodes.contains { $0.isAway && use.hasPrefix("\($0.name)/") } }.map {
        "the use \($0) of the key is not recorded"
      }
  }
}
