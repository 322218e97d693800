// SPDX-License-Identifier: GPL-3.0-or-later
internal import Documents
internal import Synchronization

/// What `topologyVersion` says: which news of which process a driver has (server discovery and monitoring, section
/// "topologyVersion").
struct TopologyVersion: Sendable, Equatable {
  /// The process; another one counts anew.
  let processID: ObjectID
  /// Grows with each change.
  var counter: Int64

  var value: BSONValue { ["processId": .objectID(processID), "counter": .int64(counter)] }

  init(processID: ObjectID, counter: Int64) {
    self.processID = processID
    self.counter = counter
  }

  /// Reads what a driver sends back; throws a `CommandError` for anything else.
  init(_ document: Document) throws(CommandError) {
    guard case .objectID(let processID)? = document["processId"], case .int64(let counter)? = document["counter"],
      counter >= 0
    else {
      throw CommandError(
        .badValue, "topologyVersion needs a 'processId' of type ObjectId and a 'counter' of type long, not negative")
    }
    self.init(processID: processID, counter: counter)
  }
}

/// What drivers are told of the node at one moment.
struct TopologySight: Sendable {
  let view: ReplicaSetView
  let state: EngineState
  let version: TopologyVersion
}

/// Numbers what drivers may see of the node, and wakes those that wait for the next change.
final class TopologyWatch: Sendable {
  /// What counts as a change. The time of the newest write does not: it changes all the time.
  private struct Facts: Equatable {
    var view: ReplicaSetView
    var state: EngineState
  }

  private enum Waiter {
    case announced
    case waiting(CheckedContinuation<Void, Never>)
    case expired
  }

  private struct State {
    var facts: Facts?
    var counter: Int64 = 0
    var isClosed = false
    var lastWaiter: UInt64 = 0
    var waiters: [UInt64: Waiter] = [:]
  }

  private let engine: any DocumentEngine
  private let processID = ObjectIDSource().next()
  private let state = Mutex(State())

  init(_ engine: any DocumentEngine) {
    self.engine = engine
    engine.onViewChange { [weak self] in _ = self?.look() }
  }

  /// Looks at the engine; whoever waits for a change is woken if there is one.
  func look() -> TopologySight {
    let (sight, woken) = state.withLock { state -> (TopologySight, [CheckedContinuation<Void, Never>]) in
      let view = engine.replicaSetView()
      let engineState = engine.state()
      var facts = Facts(view: view, state: engineState)
      facts.view.lastWriteMilliseconds = nil
      var woken: [CheckedContinuation<Void, Never>] = []
      if state.facts != facts {
        if state.facts != nil { state.counter += 1 }
        state.facts = facts
        woken = Self.takeAll(&state)
      }
      let version = TopologyVersion(processID: processID, counter: state.counter)
      return (TopologySight(view: view, state: engineState, version: version), woken)
    }
    for continuation in woken { continuation.resume() }
    return sight
  }

  /// Waits for something newer than `known`, at most `limit`; returns at once if there is, if the server stops or if
  /// the driver, whose connection is `life`, goes.
  func wait(after known: TopologyVersion, limit: Duration, life: ConnectionLife? = .current) async throws(CommandError)
  {
    let current = look().version
    guard known.processID == current.processID else { return }
    guard known.counter <= current.counter else {
      throw CommandError(
        .staleTopology,
        "the topologyVersion's counter \(known.counter) is greater than this server's, \(current.counter)")
    }
    let number = state.withLock { state -> UInt64? in
      guard state.counter == known.counter, !state.isClosed else { return nil }
      state.lastWaiter += 1
      state.waiters[state.lastWaiter] = .announced
      return state.lastWaiter
    }
    guard let number else { return }
    life?.watch { [weak self] in self?.expire(number) }
    defer { life?.unwatch() }
    await withTaskGroup(of: Void.self) { group in
      group.addTask { await self.waitForChange(number) }
      group.addTask { try? await Task.sleep(for: limit) }
      await group.next()
      expire(number)
      group.cancelAll()
    }
  }

  /// How many drivers wait for a change.
  var waiting: Int { state.withLock { $0.waiters.count } }

  /// Whether the server is stopping.
  var isClosed: Bool { state.withLock { $0.isClosed } }

  /// The server stops: nobody waits any more.
  func close() {
    let woken = state.withLock { state in
      state.isClosed = true
      return Self.takeAll(&state)
    }
    for continuation in woken { continuation.resume() }
  }

  private static func takeAll(_ state: inout State) -> [CheckedContinuation<Void, Never>] {
    var taken: [CheckedContinuation<Void, Never>] = []
    for (number, waiter) in state.waiters {
      if case .waiting(let continuation) = waiter { taken.append(continuation) }
      state.waiters[number] = .expired
    }
    return taken
  }

  private func waitForChange(_ number: UInt64) async {
    await withCheckedContinuation { continuation in
      let isLate = state.withLock { state in
        guard case .announced? = state.waiters[number] else { return true }
        state.waiters[number] = .waiting(continuation)
        return false
      }
      if isLate { continuation.resume() }
    }
  }

  /// Ends a wait, and forgets it.
  private func expire(_ number: UInt64) {
    let waiter = state.withLock { $0.waiters.removeValue(forKey: number) }
    if case .waiting(let continuation)? = waiter { continuation.resume() }
  }
}
