// SPDX-License-Identifier: GPL-3.0-or-later
internal import ClusterModel
internal import KeyHierarchy
internal import Logging
internal import Replication
internal import Sealing

/// What a node's disk holds when the agent starts.
struct DiskState: Sendable {
  /// The live generation, nil if there is none.
  var generation: GenerationReport?
  /// Why the live generation can't be told.
  var damage: DamageReport?
  /// Superseded generations that could not be destroyed.
  var leftovers: Set<GenerationID> = []
  /// A copy that was cut off and may go on.
  var partial: PartialGeneration?

  /// Looks at the disk, before any KMS is asked: superseded generations go first. Damage stops nothing here: the node
  /// starts, reports it and is told what to do.
  static func inspect(_ directory: GenerationDirectory, logger: Logger) -> DiskState {
    var state = DiskState()
    do throws(MemberError) {
      let live = try directory.current()
      for old in try directory.superseded(by: live) {
        if state.partial == nil, let mark = directory.partialMark(of: old) {
          state.partial = PartialGeneration(id: old, purpose: PartialProof.purpose(of: mark))
          continue
        }
        logger.notice("destroying a superseded generation", metadata: ["generation": "\(old)"])
        do throws(MemberError) { try directory.destroy(old) } catch {
          logger.error("it could not be destroyed", metadata: ["reason": "\(error)"])
          state.leftovers.insert(old)
        }
      }
      state.generation = live.map { report(of: $0, in: directory, logger: logger) }
    } catch {
      logger.critical("the data directory can't be used", metadata: ["reason": "\(error)"])
      state.damage = DamageReport(file: error.file ?? directory.root, reason: error.description)
    }
    return state
  }

  /// What the files of a generation say of it.
  static func report(
    of id: GenerationID, in directory: GenerationDirectory, logger: Logger
  ) -> GenerationReport {
    guard directory.isEncrypted(id) else { return GenerationReport(id: id, encrypted: false) }
    do {
      let sealed = try SealedKeystore.read(from: directory.keystorePath(of: id))
      if let fault = sealed.misplaced(in: id) {
        logger.critical("the keystore is not the generation's", metadata: ["reason": "\(fault.reason)"])
        return GenerationReport(id: id, encrypted: true)
      }
      return AgentShell.report(
        id, version: sealed.version, master: sealed.masterKeyID, check: sealed.masterKeyCheckValue.text,
        wrapped: sealed.wrappedMasterKey)
    } catch {
      // The node still starts and reports; opening says what is wrong with the file.
      logger.critical("the keystore can't be read", metadata: ["reason": "\(error)"])
      return GenerationReport(id: id, encrypted: true)
    }
  }
}
