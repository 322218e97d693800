// SPDX-License-Identifier: GPL-3.0-or-later
import ArgumentParser
import ClusterModel
import FleetPeers
import Foundation

/// What a fleet costs its coordinator, beside a bare socket that moves as many messages of the same sizes.
struct FleetBench: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "fleet",
    abstract: "A coordinator with a thousand agents, against a bare ZeroMQ socket with as many peers.",
    discussion: """
      The coordinator is a process of its own with its store on disk. The agents are the production core and the real \
      messages on sockets with CURVE, all in this process, so that coordinator and agents share the machine. \
      Measured are the processor time and memory of the coordinator's process. The bare peer is a process with a \
      ROUTER socket with CURVE and the same options, which sends and takes messages of the same sizes at the same \
      times, and does nothing with them.

      A new IP list is one more range on the project's access list: it goes to every node, and counts as there when \
      the coordinator has every node's word that it holds it.
      """)

  @Option(help: "How many agents; clusters have three each.") var nodes = 1000
  @Option(help: "Seconds of heartbeats.") var seconds = 60
  @Option(help: "New IP lists; the median counts.") var rounds = 5
  @Option(help: "The coordinator's program; by default the one beside this one.") var coordinator: String?
  @Option(help: "Folder for the coordinator's data.") var folder = FileManager.default.temporaryDirectory.path
  @Flag(help: "Leave the rolling restart out.") var noRestart = false

  func validate() throws {
    guard (FleetShape.nodesPerCluster...9000).contains(nodes) else { throw ValidationError("3 to 9000 nodes") }
    guard seconds > 0, rounds > 0 else { throw ValidationError("at least one second and one round") }
  }

  private static let patience = Duration.seconds(600)

  func run() async throws {
    guard let fleet = FleetPeers(count: nodes) else { throw BenchFailure("no CURVE keys can be drawn") }
    let place = folder + "/keyfold-bench-" + UUID().uuidString
    try FileManager.default.createDirectory(atPath: place, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(atPath: place) }
    let ours = try await measureCoordinator(fleet, place: place)
    let bare = try await measureBare(sight: ours.sight)
    report("")
    report(FleetFigures.heading)
    for line in ours.figures.lines(beside: bare, nodes: nodes) { report(line) }
    let slowest = ours.figures.propagation.max() ?? .zero
    report("")
    report("A new IP list is held by all, by the coordinator's own word, in \(slowest.text) at most (wanted: 2 s).")
    if let restart = ours.restart { report("A rolling restart of all clusters at once: \(restart)") }
  }

  // MARK: Ours

  private struct Ours {
    var figures = FleetFigures()
    var sight = FleetSight()
    var restart: String?
  }

  private func measureCoordinator(_ fleet: FleetPeers, place: String) async throws -> Ours {
    var ours = Ours()
    let control = try await CoordinatorProcess.start(program: program, data: place + "/coordinator")
    defer { control.stop() }
    report("Enrolling \(nodes) nodes …")
    try await control.enroll(fleet)
    let before = try control.cost()
    report("Connecting …")
    let start = ContinuousClock.now
    fleet.start(endpoint: control.address, serverKey: control.publicKey)
    try await wait(for: fleet, "answered hello") { $0.welcome == nodes }
    ours.figures.connect = ContinuousClock.now - start
    try await wait(for: fleet, "serving nodes") { $0.serving == nodes }
    try await control.settle()
    let formed = try control.cost()
    report("All serve after \((ContinuousClock.now - start).text). Heartbeats for \(seconds) s …")
    // tidy:allow sleep heartbeats are measured over this span
    try await Task.sleep(for: .seconds(seconds))
    let beaten = try control.cost()
    ours.figures.bytesPerNode = (beaten.residentBytes - before.residentBytes) / Double(nodes)
    ours.figures.connectProcessor = formed.processor - before.processor
    ours.figures.heartbeatProcessor = (beaten.processor - formed.processor) / Double(seconds)
    report("\(rounds) new IP lists …")
    for round in 0..<rounds {
      let begin = try control.cost()
      let took = try await control.renewList(round, held: fleet)
      ours.figures.propagation.append(took.acknowledged)
      ours.figures.reception.append(took.received)
      ours.figures.propagationProcessor.append(try control.cost().processor - begin.processor)
      // tidy:allow sleep the round before ends first
      try await Task.sleep(for: .seconds(2))
    }
    if !noRestart { ours.restart = try await restart(fleet, control) }
    ours.sight = fleet.sight
    await fleet.stop()
    return ours
  }

  private func restart(_ fleet: FleetPeers, _ control: CoordinatorProcess) async throws -> String {
    report("A rolling restart …")
    let (begin, start) = (try control.cost(), ContinuousClock.now)
    try await control.restartAll(nodes: nodes)
    try await wait(for: fleet, "restarted nodes") { $0.restarts >= nodes && $0.serving == nodes }
    try await control.settle()
    let cost = try control.cost()
    return String(
      format: "%@, %.1f s of processor time, %.0f MiB resident at its end", (ContinuousClock.now - start).text,
      cost.processor - begin.processor, cost.residentBytes / 1_048_576)
  }

  private var program: String {
    coordinator ?? URL(fileURLWithPath: CommandLine.arguments[0]).deletingLastPathComponent().path
      + "/keyfold-coordinator"
  }

  private func wait(for fleet: FleetPeers, _ what: String, until isWanted: (FleetSight) -> Bool) async throws {
    guard await fleet.wait(within: Self.patience, until: isWanted) else {
      throw BenchFailure("waited in vain for \(what): \(fleet.sight)")
    }
  }

  // MARK: The bare peer

  private func measureBare(sight: FleetSight) async throws -> FleetFigures {
    report("The bare socket: messages of \(sight.listBytes) bytes out, of \(sight.heartbeatBytes) in …")
    guard let fleet = FleetPeers(count: nodes) else { throw BenchFailure("no CURVE keys can be drawn") }
    var figures = FleetFigures()
    let bare = try BareProcess.start(peers: nodes, bytes: sight.listBytes)
    defer { bare.stop() }
    let before = try bare.cost()
    let start = ContinuousClock.now
    fleet.start(
      endpoint: bare.address, serverKey: bare.publicKey, answering: sight.heartbeatBytes,
      every: Int64(FleetFigures.heartbeatMilliseconds))
    try bare.waitForPeers()
    figures.connect = ContinuousClock.now - start
    let formed = try bare.cost()
    // tidy:allow sleep heartbeats are measured over this span
    try await Task.sleep(for: .seconds(min(seconds, 20)))
    let beaten = try bare.cost()
    figures.bytesPerNode = (beaten.residentBytes - before.residentBytes) / Double(nodes)
    figures.connectProcessor = formed.processor - before.processor
    figures.heartbeatProcessor = (beaten.processor - formed.processor) / Double(min(seconds, 20))
    for _ in 0..<rounds {
      let begin = try bare.cost()
      figures.propagation.append(try bare.fanOut())
      figures.propagationProcessor.append(try bare.cost().processor - begin.processor)
    }
    await fleet.stop()
    return figures
  }
}

/// Why nothing could be measured.
struct BenchFailure: Error, CustomStringConvertible {
  let description: String

  init(_ description: String) { self.description = description }
}
