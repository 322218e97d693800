// SPDX-License-Identifier: GPL-3.0-or-later
internal import ClusterModel
internal import EncryptedStore
internal import Logging
internal import ReplicationCore

/// What a member acknowledged, kept apart from its oplog.
extension ReplicaMember {
  /// Notes how far the oplog is durable, if it has grown; to be called every second or so, and after each checkpoint. A
  /// loss of less than that is noticed by the primary, as long as it is the same.
  public func recordAcknowledged() async {
    guard !isClosed, let end = core.log.position(at: core.persistedIndex), end > keeper.floor.end else { return }
    let (keeper, stamp) = (keeper, keeper.stamp)
    do { try await checkpointer.raise(keeper, to: end, stamp: stamp) } catch { breakDown(error) }
  }

  /// Makes term and vote durable, in the member's own table first.
  func persist(_ state: HardState) throws(MemberError) {
    try tables.persist(state)
    try keeper.update { $0.hardState = state }
  }

  /// Removes entries that were never committed; the floor gives way first.
  func truncate(after index: UInt64) throws(MemberError) {
    try keeper.lower(to: core.log.position(at: index) ?? core.log.base)
    try tables.truncateLog(after: index)
  }

  /// Remembers a loss that the primary told of, before anything else happens.
  func noteLoss(_ term: UInt64) throws(MemberError) {
    logger.critical(
      "this member lost entries it had acknowledged; it neither votes nor is elected until it has caught up",
      metadata: ["term": "\(term)"])
    try keeper.update { floor in
      floor.lostTerm = max(floor.lostTerm ?? 0, term)
      floor.end = .origin
    }
  }

  /// A loss was made good.
  func noteRecovery() throws(MemberError) {
    logger.notice("this member holds everything it had acknowledged again, and takes part fully")
    try keeper.update { $0.lostTerm = nil }
    try tables.endRecovery()
  }
}

extension MemberTables {
  /// Compares what the tables hold with what the member had acknowledged, and had told others that it `held`; a new
  /// loss is durable on return, before anybody can be told anything.
  func judged(
    _ found: RestoredState, held: HeldPosition?
  ) throws(MemberError) -> (RestoredState, FloorKeeper, loss: String?) {
    let held = held?.generation == generation.id ? held : nil
    let path = generation.directory.floorPath(of: generation.id)
    if let keeper = try FloorKeeper.open(path) {
      var floor = keeper.floor
      let (state, loss) = floor.judge(found, held: held)
      if floor != keeper.floor { try keeper.update { [floor] in $0 = floor } }
      return (state, keeper, loss)
    }
    var floor = AcknowledgedFloor(hardState: found.hardState, end: found.log.last)
    // A generation of an earlier version has none; one that had one and lost it may have lost more.
    let isMissing = try storing { try log.get(Self.raft, Self.floorKey) } != nil
    if isMissing { floor.lostTerm = max(found.hardState.term, found.log.last.term) }
    let keeper = try FloorKeeper.create(at: path, floor)
    try storing {
      try log.put(Self.raft, Self.floorKey, [1])
      try log.flushLog()
    }
    let (state, loss) = floor.judge(found, held: held)
    if floor != keeper.floor { try keeper.update { [floor] in $0 = floor } }
    return (state, keeper, isMissing ? "\(path) is missing" : loss)
  }
}
