// SPDX-License-Identifier: GPL-3.0-or-later
import ArgumentParser
import CZeroMQ
import FleetPeers
import Foundation

/// The measurement's side of `BareRouter`: a process that is told line by line what to do.
struct BareProcess {
  private let process: Process
  private let orders: FileHandle
  private let answers: FileHandle
  let address: String
  let publicKey: String

  static func start(peers: Int, bytes: Int) throws -> BareProcess {
    let process = Process()
    let (orders, answers) = (Pipe(), Pipe())
    process.executableURL = URL(fileURLWithPath: "/proc/self/exe").resolvingSymlinksInPath()
    process.arguments = ["bare-router", "--peers", "\(peers)", "--bytes", "\(bytes)"]
    (process.standardInput, process.standardOutput) = (orders, answers)
    try process.run()
    let first = try line(answers.fileHandleForReading).split(separator: " ").map(String.init)
    guard first.count == 2 else { throw BenchFailure("the bare socket did not start") }
    return BareProcess(
      process: process, orders: orders.fileHandleForWriting, answers: answers.fileHandleForReading, address: first[0],
      publicKey: first[1])
  }

  func stop() {
    process.terminate()
    process.waitUntilExit()
  }

  func cost() throws -> ProcessCost { try ProcessCost(pid: process.processIdentifier) }

  func waitForPeers() throws { _ = try Self.line(answers) }

  /// Sends to all and waits for the words of all.
  func fanOut() throws -> Duration {
    try orders.write(contentsOf: Data("go\n".utf8))
    guard let milliseconds = Double(try Self.line(answers)) else { throw BenchFailure("the bare socket ended") }
    return .milliseconds(milliseconds)
  }

  private static func line(_ handle: FileHandle) throws -> String {
    var text: [UInt8] = []
    while let byte = try handle.read(upToCount: 1)?.first {
      if byte == UInt8(ascii: "\n") { return String(decoding: text, as: UTF8.self) }
      text.append(byte)
    }
    throw BenchFailure("the bare socket ended")
  }
}

/// A ROUTER socket with CURVE in a process of its own that does nothing but what it is measured for.
struct BareRouter: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "bare-router", abstract: "The peer of the fleet's measurement.", shouldDisplay: false)

  @Option var peers: Int
  @Option var bytes: Int

  func run() throws {
    guard let keys = PeerKeys(), let context = unsafe zmq_ctx_new(), let socket = unsafe zmq_socket(context, ZMQ_ROUTER)
    else { throw BenchFailure("no socket can be made") }
    for (option, value): (Int32, Int32) in [
      (ZMQ_CURVE_SERVER, 1), (ZMQ_LINGER, 0), (ZMQ_SNDHWM, 2048), (ZMQ_RCVHWM, 2048), (ZMQ_BACKLOG, 1024),
      (ZMQ_HANDSHAKE_IVL, 30_000), (ZMQ_HEARTBEAT_IVL, 1000), (ZMQ_HEARTBEAT_TIMEOUT, 3000), (ZMQ_HEARTBEAT_TTL, 3000),
    ] {
      var value = value
      unsafe zmq_setsockopt(socket, option, &value, MemoryLayout<Int32>.size)
    }
    unsafe zmq_setsockopt(socket, ZMQ_CURVE_SECRETKEY, keys.secretKey, keys.secretKey.utf8.count + 1)
    var endpoint = [CChar](repeating: 0, count: 64)
    var count = endpoint.count
    guard unsafe zmq_bind(socket, "tcp://127.0.0.1:*") == 0,
      unsafe zmq_getsockopt(socket, ZMQ_LAST_ENDPOINT, &endpoint, &count) == 0
    else { throw BenchFailure("the socket can't be bound") }
    let address = String(decoding: endpoint.prefix(while: { $0 != 0 }).map { UInt8(bitPattern: $0) }, as: UTF8.self)
    report("\(address.dropFirst("tcp://".count)) \(keys.publicKey)")
    unsafe serve(socket)
  }

  private func serve(_ socket: UnsafeMutableRawPointer) {
    var routes: Set<[UInt8]> = []
    let payload = [UInt8](repeating: 7, count: bytes)
    var (left, start, isComplete): (Set<[UInt8]>, ContinuousClock.Instant, Bool) = ([], .now, false)
    while true {
      var items = unsafe [
        zmq_pollitem_t(socket: socket, fd: -1, events: Int16(ZMQ_POLLIN), revents: 0),
        zmq_pollitem_t(socket: nil, fd: 0, events: Int16(ZMQ_POLLIN), revents: 0),
      ]
      guard unsafe zmq_poll(&items, 2, -1) >= 0 else { return }
      while let route = unsafe takeMessage(socket) {
        routes.insert(route)
        if left.remove(route) != nil, left.isEmpty { report("\((ContinuousClock.now - start) / .milliseconds(1))") }
      }
      if !isComplete, routes.count == peers {
        isComplete = true
        report("all")
      }
      guard unsafe items[1].revents != 0 else { continue }
      guard readLine() != nil else { return }
      (left, start) = (routes, .now)
      for route in routes {
        unsafe zmq_send(socket, route, route.count, ZMQ_SNDMORE)
        unsafe zmq_send(socket, payload, payload.count, 0)
      }
    }
  }

  /// The route of the next message, nil if there is none.
  private func takeMessage(_ socket: UnsafeMutableRawPointer) -> [UInt8]? {
    var route: [UInt8]?
    while true {
      var message = zmq_msg_t()
      unsafe zmq_msg_init(&message)
      defer { unsafe zmq_msg_close(&message) }
      guard unsafe zmq_msg_recv(&message, socket, ZMQ_DONTWAIT) >= 0 else { return route }
      if route == nil {
        route = unsafe Array(UnsafeRawBufferPointer(start: zmq_msg_data(&message), count: zmq_msg_size(&message)))
      }
      if unsafe zmq_msg_more(&message) == 0 { return route }
    }
  }
}
