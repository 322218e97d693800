// SPDX-License-Identifier: GPL-3.0-or-later
internal import ClusterModel
internal import CoordinatorCore
internal import Logging

/// An order to decrypt that is taken once the coordinator has looked at the keys.
struct PendingDecryption: Sendable {
  let cluster: ClusterName
  let project: ProjectName
  /// The versions of the settings under which the looks have not ended.
  var awaited: Set<UInt64>
  /// Looks that have begun by then say nothing of what holds now.
  let begunBefore: UInt64
  let asker: Asker
  /// Who has to have the right still when they end.
  let admin: OperatorName
}

/// Turning encryption off: no order is taken on the word of a look from before it.
extension Coordinator {
  /// How many such orders may wait at once.
  static let maximumDecryptions = 16

  /// Has the keys looked at; nil if the answer comes when that has ended.
  func startDecryption(of name: ClusterName, asker: Asker, by admin: OperatorName) throws -> OperatorAnswer? {
    guard decryptions.count < Self.maximumDecryptions else {
      throw Self.tooManyCalls("Cluster \(name) was not decrypted.")
    }
    let project = try found { () throws(CoordinatorError) in try core.cluster(named: name) }.project
    let looks: Decision<Set<UInt64>>
    do { looks = try core.lookBeforeDecrypting(name, now: now) } catch { throw Self.failure(error) }
    guard !looks.value.isEmpty else {
      try perform(looks.directives)
      return try decrypt(name)
    }
    // Before the directives are performed: a look that can't be made is over at once.
    decryptions.append(
      PendingDecryption(
        cluster: name, project: project, awaited: looks.value, begunBefore: checksBegun, asker: asker, admin: admin))
    try perform(looks.directives)
    return nil
  }

  /// A look at a project's key has ended, and the core knows what it said.
  func continueDecryptions(after check: KeyJob.Check) throws(CoordinatorFault) {
    guard check.isRenewing else { return }
    for index in decryptions.indices
    where decryptions[index].project == check.project && check.number > decryptions[index].begunBefore {
      decryptions[index].awaited.remove(check.settingsVersion)
    }
    let ready = decryptions.filter(\.awaited.isEmpty)
    decryptions.removeAll(where: \.awaited.isEmpty)
    for pending in ready { try conclude(pending) }
  }

  /// The looks can't be made, which is no outage of the KMS: the orders that wait for them are not taken.
  func refuseDecryptions(of project: ProjectName, why: String, next: String) throws(CoordinatorFault) {
    let refused = decryptions.filter { $0.project == project }
    decryptions.removeAll { $0.project == project }
    for pending in refused {
      try refuse(
        pending,
        OperatorFailure(.failed, what: "Cluster \(pending.cluster) was not decrypted.", why: why, next: next))
    }
  }

  private func conclude(_ pending: PendingDecryption) throws(CoordinatorFault) {
    do {
      // The looks have taken time, in which the right may have been taken away.
      do { try core.authorize(.decryptCluster(name: pending.cluster), by: pending.admin) } catch {
        throw Self.failure(error)
      }
      reply(try decrypt(pending.cluster), to: pending.asker)
    } catch let fault as CoordinatorFault {
      throw fault
    } catch {
      let failure = error as? OperatorFailure
      try refuse(pending, failure ?? OperatorFailure(.failed, what: "It was not done.", why: "\(error)"))
    }
  }

  private func decrypt(_ name: ClusterName) throws -> OperatorAnswer {
    let now = now
    return try plan { () throws(CoordinatorError) in try core.decryptCluster(name, now: now) }
  }

  private func refuse(_ pending: PendingDecryption, _ failure: OperatorFailure) throws(CoordinatorFault) {
    logger.notice(
      "cluster is not decrypted", metadata: ["cluster": "\(pending.cluster)", "reason": "\(failure.why)"])
    try perform(
      core.onOrder(
        .decryptCluster(name: pending.cluster), by: pending.admin, refusal: "\(failure.what) \(failure.why)", now: now))
    reply(.failure(failure), to: pending.asker)
  }
}
