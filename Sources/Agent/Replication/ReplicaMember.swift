// SPDX-License-Identifier: GPL-3.0-or-later
public import ClusterModel
internal import EncryptedStore
internal import FailurePoints
public import Logging
public import ReplicationCore
internal import Synchronization

/// Sends Raft's messages to other members; they may get lost.
public protocol MemberNetwork: Sendable {
  /// Sends without waiting.
  func send(_ message: RaftMessage, to member: MemberID)
}

/// One member of a shard: Raft's directives performed on an open generation, on a thread of its own.
///
/// Writes of many drivers run one after the other in one transaction, whose post-images become one oplog entry; the
/// transaction commits when a majority has the entry on disk, and is rolled back if the primary's part is lost before.
/// Members apply only what is committed, so no data is ever rolled back.
public actor ReplicaMember {
  /// How many writers may wait for a batch before more are refused.
  public static let waitingWritersLimit = 10_000
  /// How often a batch that lost against the cache is run again.
  static let batchAttempts = 5

  nonisolated let thread: StoreThread
  /// Reads of committed data, on threads of their own.
  public nonisolated let readers: ReaderPool
  nonisolated let checkpointer: Checkpointer
  nonisolated let snapshot: Mutex<MemberStatus>
  /// See `expectVoters`.
  nonisolated let expectedVoters = Mutex<Set<MemberID>>([])
  nonisolated let statusObserver = StatusObserver()
  nonisolated let logger: Logger
  nonisolated let systemChanges = Atomic<UInt64>(0)
  nonisolated let measures: MemberMeasures
  let network: any MemberNetwork
  let onFailure: @Sendable (MemberError) -> Void
  let oplog: OplogOptions
  let start = ContinuousClock.now

  var generation: OpenGeneration
  var tables: MemberTables
  var core: RaftCore
  var keeper: FloorKeeper
  var waiting: [WriteRequest] = []
  var batch: WriteBatch?
  var changes: [PendingChange] = []
  var directives: [RaftDirective] = []
  var isPerforming = false
  var isPumping = false
  var isPumpDue = false
  var hasUnflushed = false
  var isPaused = false
  var isClosed = false
  /// The data in the table files holds the oplog at least up to here.
  var checkpointedIndex: UInt64
  /// What keeps entries of the oplog although it is large and they are old.
  var holds: [OplogHold] = []
  var sweepable: [CollectionID] = []
  var idleWaiters: [CheckedContinuation<Void, Never>] = []
  var openCopies: [SnapshotReader] = []
  /// Whether a copy into a new generation is under way, and what runs it.
  var isCopying = false
  var copyRun: CopyRun?
  /// The scrub of a generation.
  var scrubCourse: (generation: GenerationID, course: ScrubCourse)?
  /// Where that stands.
  public internal(set) var scrubStatus = ScrubStatus()
  /// Whether `CURRENT` and the member's sessions are just going over to a new generation.
  var isSwapping = false
  var swapWaiters: [CheckedContinuation<Void, Never>] = []
  /// Generations that a broken swap left open.
  var abandoned: [OpenGeneration] = []

  /// The thread's executor.
  public nonisolated var unownedExecutor: UnownedSerialExecutor { unsafe thread.asUnownedSerialExecutor() }

  /// Takes part in a shard with an open generation; `onFailure` is told once when disk or engine break. `held` is what
  /// the node told others that it has: if the generation ends earlier, it is an older copy.
  public init(
    me: MemberID, generation: OpenGeneration, held: HeldPosition? = nil, settings: RaftSettings, seed: UInt64,
    network: any MemberNetwork, logger: Logger, oplog: OplogOptions = OplogOptions(),
    measures: MemberMeasures = MemberMeasures(),
    onFailure: @escaping @Sendable (MemberError) -> Void
  ) async throws(MemberError) {
    let thread: StoreThread
    do { thread = try StoreThread(name: "member") } catch { throw MemberError(error) }
    do throws(MemberError) {
      let (tables, restored, keeper) = try await MemberLoader(thread).load(generation, held, logger)
      do { core = try RaftCore(me: me, settings: settings, restored: restored, seed: seed, now: .zero) } catch {
        throw MemberError(.damaged, "\(error)", file: MemberTables.oplog)
      }
      self.tables = tables
      self.keeper = keeper
      checkpointedIndex = restored.appliedIndex
      checkpointer = try await Checkpointer(generation)
      readers = try await ReaderPool(generation, onDamage: onFailure)
    } catch {
      thread.stop()
      throw error
    }
    self.thread = thread
    self.network = network
    self.logger = logger
    self.measures = measures
    self.onFailure = onFailure
    self.oplog = oplog
    self.generation = generation
    snapshot = Mutex(MemberStatus(core, outline: tables.oplogIndex?.outline))
  }

  /// Where the member stands.
  public nonisolated var status: MemberStatus { snapshot.withLock { $0 } }

  var now: Duration { ContinuousClock.now - start }

  /// Makes `generation`, which is new and empty, the first of a shard with these voters.
  public static func found(_ generation: OpenGeneration, voters: [MemberID]) throws(MemberError) {
    let membership: Membership
    do { membership = try Membership(voters: voters) } catch { throw MemberError(.invalid, error.description) }
    let tables = try MemberTables(generation)
    defer { tables.close() }
    FailurePoint.reach("shard.found.before")
    try tables.writeBase(.origin, membership: membership, hardState: .initial)
    _ = try FloorKeeper.create(
      at: generation.directory.floorPath(of: generation.id), AcknowledgedFloor(hardState: .initial, end: .origin))
    FailurePoint.reach("shard.floor.after")
    try tables.storing { try tables.schema.checkpoint() }
    FailurePoint.reach("shard.found.after")
  }

  /// The generation it serves from.
  public var liveGeneration: OpenGeneration { generation }

  /// Time passes; to be called every few hundredths of a second.
  public func tick() {
    guard !isClosed else { return }
    perform(core.onTick(now: now))
    promoteLearner()
  }

  /// A message of another member came.
  public func receive(_ message: RaftMessage, from sender: MemberID) {
    guard !isClosed else { return }
    perform(core.onMessage(message, from: sender, now: now))
  }

  /// The link to another member broke.
  public func peerDisconnected(_ member: MemberID) {
    guard !isClosed else { return }
    perform(core.onPeerDisconnected(member, now: now))
  }

  /// Runs `body` in the next batch and returns its result once a majority has the batch on disk.
  ///
  /// `body` may run more than once. Throws what `body` threw, or `MemberError`.
  public func write<R: Sendable>(_ body: @Sendable @escaping (WriteView) throws -> R) async throws -> R {
    guard !isClosed else { throw MemberError(.closed, "the member is closed") }
    guard waiting.count < Self.waitingWritersLimit else {
      throw MemberError(.overloaded, "\(waiting.count) writers wait already; try again")
    }
    guard core.role == .leader else { throw notPrimary }
    let arrival = ContinuousClock.now
    let result: R = try await withCheckedThrowingContinuation { continuation in
      waiting.append(WriteRequest(body, continuation))
      pumpSoon()
    }
    measures.wrote(since: arrival)
    return result
  }

  /// Asks the member to hand its part as primary to a caught-up secondary; returns why that can't begin, nil if it has.
  public func handOver(to target: MemberID? = nil) -> String? {
    guard !isClosed else { return "the member is closed" }
    let (refusal, directives) = core.onTransferLeadership(to: target, now: now)
    perform(directives)
    guard let refusal else { return nil }
    switch refusal {
    case .notLeader: return "this member is not primary"
    case .notReady: return "the primary has not finished taking over"
    case .handingOver: return "a hand-over is under way already"
    case .notCaughtUp: return "no secondary has caught up"
    default: return "\(refusal)"
    }
  }

  var notPrimary: MemberError {
    MemberError(.notPrimary, "this member is not primary" + (core.leader.map { "; \($0) is" } ?? ""))
  }
}

/// Reads what a member starts from on the member's own thread: it reads the oplog's outline and its end.
private actor MemberLoader {
  private nonisolated let thread: StoreThread

  nonisolated var unownedExecutor: UnownedSerialExecutor { unsafe thread.asUnownedSerialExecutor() }

  init(_ thread: StoreThread) { self.thread = thread }

  func load(
    _ generation: OpenGeneration, _ held: HeldPosition?, _ logger: Logger
  ) throws(MemberError) -> sending (MemberTables, RestoredState, FloorKeeper) {
    let tables = try MemberTables(generation)
    let (restored, keeper, loss) = try tables.judged(try tables.restoredState(), held: held)
    if let loss {
      logger.critical(
        "this member lost what it had acknowledged; it neither votes nor is elected until it has caught up",
        metadata: ["reason": "\(loss)"])
    }
    try tables.sweepOrphans()
    return (tables, restored, keeper)
  }
}
