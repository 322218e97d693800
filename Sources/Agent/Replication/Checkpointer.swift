// SPDX-License-Identifier: GPL-3.0-or-later
internal import ClusterModel
internal import EncryptedStore
internal import FailurePoints
internal import ReplicationCore

/// The thread of what takes long and is not the member's daily work: checkpoints, and the end of old generations.
actor Checkpointer {
  nonisolated let thread: StoreThread
  private var bound: (generation: GenerationID, session: Session)?

  nonisolated var unownedExecutor: UnownedSerialExecutor { unsafe thread.asUnownedSerialExecutor() }

  init(_ generation: OpenGeneration) async throws(MemberError) {
    do {
      let session = try generation.store.openSession()
      thread = try StoreThread(name: "checkpoint")
      bound = (generation.id, session)
    } catch { throw MemberError(error) }
  }

  /// Makes a checkpoint of a generation; false, and nothing done, if it is not the live one here.
  func checkpoint(_ generation: GenerationID) throws(MemberError) -> Bool {
    guard let bound, bound.generation == generation else { return false }
    FailurePoint.reach("checkpoint.before")
    do { try bound.session.checkpoint() } catch { throw MemberError(error) }
    FailurePoint.reach("checkpoint.after")
    return true
  }

  /// How much of the engine's cache is in use; nil if the engine can't say.
  func cacheUse() -> CacheUse? { try? bound?.session.cacheUse() }

  /// Removes the oplog's entries up to `base`; false, and nothing done, if the generation is not the live one here.
  func trim(_ generation: GenerationID, to base: LogPosition, membership: Membership) throws(MemberError) -> Bool {
    guard let bound, bound.generation == generation else { return false }
    FailurePoint.reach("oplog.trim.before")
    do { try MemberTables.trim(bound.session, to: base, membership: membership) } catch {
      throw MemberError.carrying(error)
    }
    FailurePoint.reach("oplog.trim.after")
    return true
  }

  /// Reads some rows of a table's last checkpoint to find damage; nil, and nothing done, if the generation is not the
  /// live one here.
  func scrub(
    _ generation: GenerationID, _ table: String, after key: [UInt8]?, budget: Int
  ) throws(MemberError) -> ScrubbedRows? {
    guard let bound, bound.generation == generation else { return nil }
    do { return try bound.session.scrub(table, after: key, budget: budget) } catch { throw MemberError(error) }
  }

  /// Notes how far a member's oplog is durable.
  func raise(_ keeper: FloorKeeper, to end: LogPosition, stamp: Int) throws(MemberError) {
    try keeper.raise(to: end, stamp: stamp)
  }

  /// Goes over to another generation.
  func rebind(to generation: OpenGeneration) throws(MemberError) {
    guard let old = bound else { throw MemberError(.closed, "the node is closing") }
    do { bound = (generation.id, try generation.store.openSession()) } catch { throw MemberError(error) }
    old.session.close()
  }

  /// Ends a generation that is live no more: closes it, then destroys it. What fails is answered, not thrown, because
  /// it changes nothing for the live one.
  func retire(_ generation: OpenGeneration) -> MemberError? {
    var failure: MemberError?
    do throws(MemberError) { try generation.close() } catch { failure = error }
    do throws(MemberError) { try generation.directory.destroy(generation.id) } catch { failure = error }
    return failure
  }

  func close() {
    bound?.session.close()
    bound = nil
    thread.stop()
  }
}
