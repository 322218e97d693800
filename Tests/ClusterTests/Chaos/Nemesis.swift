// SPDX-License-Identifier: GPL-3.0-or-later
import Foundation
import Synchronization

/// Breaks one thing after another, in an order that a seed decides, and repairs each after its time. Faults overlap.
final class Nemesis: Sendable {
  /// Something broken that has to be put right at some time.
  private struct Repair: Sendable {
    let due: ContinuousClock.Instant
    let name: String
    let action: @Sendable () throws -> Void
  }

  private struct State {
    var random: SeededGenerator
    var repairs: [Repair] = []
    /// Daemons that are dead or stopped because of us: nobody else may be.
    var held: Set<String> = []
    var events: [String] = []
  }

  private let cluster: TestCluster
  private let faults: [Fault]
  private let started = ContinuousClock.now
  private let state: Mutex<State>
  private let say: @Sendable (String) -> Void

  /// Faults of links are drawn only where the cluster's links go through our proxy.
  init(_ cluster: TestCluster, seed: UInt64, say: @escaping @Sendable (String) -> Void) {
    self.cluster = cluster
    self.say = say
    state = Mutex(State(random: SeededGenerator(state: seed)))
    let chosen = ProcessInfo.processInfo.environment["KEYFOLD_CHAOS_FAULTS"]?.split(separator: ",").map(String.init)
    faults = Fault.allCases.filter { fault in
      (cluster.links != nil || !Fault.links.contains(fault)) && (cluster.breaksDisks || !Fault.disks.contains(fault))
        && chosen?.contains(fault.rawValue) != false
    }.flatMap { Array(repeating: $0, count: $0.weight) }
  }

  /// What was done, and when; for the report of a failure.
  var events: [String] { state.withLock { $0.events } }

  /// Breaks things for a time, then repairs everything. Throws if a process died that nobody killed.
  func run(for time: Duration) async throws {
    let end = ContinuousClock.now + time
    defer { note("end of faults") }
    while ContinuousClock.now < end {
      try await strike()
      let gap = Duration.milliseconds(draw(100...5_000))
      let next = min(ContinuousClock.now + gap, end)
      while ContinuousClock.now < next {
        try repairWhatIsDue()
        try expectNoDeaths()
        try await pass(.milliseconds(20))
      }
    }
    try repairWhatIsDue(all: true)
    try expectNoDeaths()
  }

  /// A daemon that is not running although nobody holds it has crashed.
  func expectNoDeaths() throws {
    let held = state.withLock { $0.held }
    for daemon in cluster.daemons where !held.contains(daemon.name) && !daemon.isRunning {
      let last = daemon.logText.split(separator: "\n").suffix(5).joined(separator: "\n")
      throw TestFailure("\(daemon.name) died by itself with status \(daemon.waitForEnd()); its log ends:\n\(last)")
    }
  }

  func note(_ text: String) {
    let seconds = (ContinuousClock.now - started) / .seconds(1)
    let line = "\(String(format: "%7.2f", seconds))  \(text)"
    state.withLock { $0.events.append(line) }
    say(line)
  }

  private func draw(_ range: ClosedRange<Int>) -> Int {
    state.withLock { Int.random(in: range, using: &$0.random) }
  }

  private func strike() async throws {
    let fault = state.withLock { $0.random.pick(faults) }
    // Short times are as likely as long ones.
    let length = Duration.milliseconds(Int(Double(draw(fault.length)) * Double(draw(0...100)) / 100))
    switch fault {
    case .kill, .restart: hold(nodes(1), fault, length)
    case .killTwo: hold(nodes(2), fault, length)
    case .killCoordinator: hold(free([cluster.coordinator]), fault, length)
    case .killKMS: hold(free([cluster.kms]), fault, length)
    case .pause: hold(nodes(1), fault, length)
    case .pauseTwo: hold(nodes(2), fault, length)
    case .stepDown: try await order("cluster", "stepdown", TestCluster.name)
    case .rotate: try await order("keys", "rotate", TestCluster.name)
    case .rollingRestart: try await order("cluster", "restart", TestCluster.name)
    case .isolate, .oneWay, .delay, .reset: disturb(fault, length)
    case .slowDisk: try slow(nodes(1), length)
    case .fullDisk: try fill(nodes(1), length)
    }
  }

  /// Some nodes that nobody holds.
  private func nodes(_ count: Int) -> [Daemon] {
    let available = free(cluster.nodes)
    return state.withLock { Array(available.shuffled(using: &$0.random).prefix(count)) }
  }

  private func free(_ daemons: [Daemon]) -> [Daemon] {
    let held = state.withLock { $0.held }
    return daemons.filter { !held.contains($0.name) }
  }

  /// Kills or stops daemons and arranges for their return.
  private func hold(_ daemons: [Daemon], _ fault: Fault, _ length: Duration) {
    guard !daemons.isEmpty else { return }
    let names = daemons.map(\.name).sorted().joined(separator: " and ")
    state.withLock { $0.held.formUnion(daemons.map(\.name)) }
    note("\(fault) \(names) for \(length)")
    let isPause = fault == .pause || fault == .pauseTwo
    for daemon in daemons {
      switch fault {
      case .restart: daemon.stop()
      case _ where isPause: daemon.send(SIGSTOP)
      default: daemon.kill9()
      }
    }
    later(length, isPause ? "go on \(names)" : "start \(names)") { [weak self] in
      for daemon in daemons {
        if isPause { daemon.send(SIGCONT) } else { try daemon.launch() }
        self?.state.withLock { _ = $0.held.remove(daemon.name) }
      }
    }
  }

  private func slow(_ nodes: [Daemon], _ length: Duration) throws {
    let time = draw(10...300)
    for node in nodes {
      note("slowDisk \(node.name) by \(time) ms for \(length)")
      try DiskFaults.set(.slow(milliseconds: time), on: node)
      later(length, "heal slowDisk \(node.name)") { try DiskFaults.set(nil, on: node) }
    }
  }

  /// A full disk costs the node its engine, or its process; whoever makes room starts it again.
  private func fill(_ nodes: [Daemon], _ length: Duration) throws {
    for node in nodes {
      state.withLock { _ = $0.held.insert(node.name) }
      note("fullDisk \(node.name) for \(length)")
      try DiskFaults.set(.full, on: node)
      later(length, "make room and start \(node.name)") { [weak self] in
        node.kill9()
        try DiskFaults.set(nil, on: node)
        try node.launch()
        self?.state.withLock { _ = $0.held.remove(node.name) }
      }
    }
  }

  private func disturb(_ fault: Fault, _ length: Duration) {
    guard let links = cluster.links else { return }
    let names = state.withLock { cluster.nodes.map(\.name).shuffled(using: &$0.random) }
    let (victim, other) = (names[0], names[1])
    let flows: [LinkFlow]
    switch fault {
    case .isolate, .delay:
      flows = names.dropFirst().flatMap { [LinkFlow(from: victim, to: $0), LinkFlow(from: $0, to: victim)] }
    default: flows = [LinkFlow(from: victim, to: other)]
    }
    note("\(fault) \(fault == .isolate || fault == .delay ? victim : "\(victim) -> \(other)") for \(length)")
    if fault == .reset { return links.reset(victim, other) }
    let state: LinkState = fault == .delay ? .slow(.milliseconds(draw(20...400))) : .held
    for flow in flows { links.set(flow, state) }
    later(length, "heal \(fault) \(victim)") { for flow in flows { links.set(flow, .open) } }
  }

  private func later(_ delay: Duration, _ name: String, _ action: @escaping @Sendable () throws -> Void) {
    state.withLock { $0.repairs.append(Repair(due: .now + delay, name: name, action: action)) }
  }

  private func repairWhatIsDue(all: Bool = false) throws {
    let now = ContinuousClock.now
    let due = state.withLock { state -> [Repair] in
      let due = state.repairs.filter { all || $0.due <= now }
      state.repairs.removeAll { all || $0.due <= now }
      return due
    }
    for repair in due {
      note(repair.name)
      try repair.action()
    }
  }

  /// An operator's order; whether it is taken depends on what is broken just now.
  private func order(_ words: String...) async throws {
    let cluster = cluster
    let result = try await blocking { try cluster.run(["keyfold"] + words + ["--timeout", "3"]) }
    note("\(words.joined(separator: " ")): exit status \(result.status)")
    guard [0, 3, 4].contains(result.status) else {
      throw TestFailure("keyfold \(words.joined(separator: " ")) exited with \(result.status): \(result.output)")
    }
  }
}

extension SeededGenerator {
  mutating func pick<Value>(_ values: [Value]) -> Value { values[Int.random(in: 0..<values.count, using: &self)] }
}
