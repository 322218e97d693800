// SPDX-License-Identifier: GPL-3.0-or-later

internal import KeyManagement
internal import NIOCore
internal import Synchronization

/// The faults in force; in memory only.
final class FaultBoard: Sendable {
  /// The most at a time.
  static let maximumCount = 100

  private struct State {
    var faults: [LocalKMSFault] = []
    var next = 1
  }

  private let state = Mutex(State())
  private let clock: WallClock

  init(clock: WallClock) { self.clock = clock }

  /// Puts a fault in force; answers its number, nil if there are too many.
  func set(_ fault: LocalKMSFault) -> Int? {
    let now = clock.nowSeconds
    return state.withLock { state in
      state.faults.removeAll { Self.isOver($0, now) }
      guard state.faults.count < Self.maximumCount else { return nil }
      var fault = fault
      fault.number = state.next
      state.next += 1
      state.faults.append(fault)
      return fault.number
    }
  }

  /// Ends one fault, or all; answers how many.
  func clear(_ number: Int?) -> Int {
    state.withLock { state in
      let count = state.faults.count
      state.faults.removeAll { number == nil || $0.number == number }
      return count - state.faults.count
    }
  }

  /// The faults in force.
  var all: [LocalKMSFault] {
    let now = clock.nowSeconds
    return state.withLock { state in state.faults.filter { !Self.isOver($0, now) } }
  }

  /// What happens to a request; counts it. Of the faults that end a request the first one set does.
  func effects(on dialect: Dialect, from address: String, region: String? = nil) -> FaultEffects {
    let now = clock.nowSeconds
    return state.withLock { state in
      var effects = FaultEffects()
      for index in state.faults.indices where Self.concerns(state.faults[index], address, now) {
        let fault = state.faults[index]
        guard dialect.isMeant(by: fault.dialect), fault.region == nil || fault.region == region else { continue }
        switch fault.kind {
        case .latency: effects.delayMilliseconds += fault.value
        case .clockSkew: effects.clockOffsetSeconds += Int64(fault.value)
        case .wrongCertificate: continue  // counted by connection
        case .timeout, .reset, .garbage, .error, .throttle, .deny:
          guard effects.ending == nil else { continue }
          effects.ending = Self.ending(fault, dialect, address)
        }
        state.faults[index].remaining = fault.remaining.map { $0 - 1 }
      }
      state.faults.removeAll { Self.isOver($0, now) }
      return effects
    }
  }

  /// Whether a new connection is shown the wrong certificate; counts it.
  func takesWrongCertificate(from address: String) -> Bool {
    let now = clock.nowSeconds
    return state.withLock { state in
      let found = state.faults.firstIndex { $0.kind == .wrongCertificate && Self.concerns($0, address, now) }
      guard let found else { return false }
      state.faults[found].remaining = state.faults[found].remaining.map { $0 - 1 }
      state.faults.removeAll { Self.isOver($0, now) }
      return true
    }
  }

  /// Whether a connection that was shown the right certificate has to go: the next one shall see the wrong one.
  func endsRightConnections(from address: String) -> Bool {
    let now = clock.nowSeconds
    return state.withLock { state in
      state.faults.contains { $0.kind == .wrongCertificate && Self.concerns($0, address, now) }
    }
  }

  private static func ending(_ fault: LocalKMSFault, _ dialect: Dialect, _ address: String) -> FaultEffects.Ending {
    switch fault.kind {
    case .timeout: .silence
    case .reset: .reset
    case .garbage: .garbage
    case .throttle: .refused(dialect.throttled(retryAfterSeconds: fault.value))
    case .deny: .refused(dialect.perimeter(address))
    default: .refused(dialect.outage(status: fault.value))
    }
  }

  private static func isOver(_ fault: LocalKMSFault, _ nowSeconds: Int64) -> Bool {
    (fault.remaining ?? 1) <= 0 || (fault.endSeconds ?? .max) <= nowSeconds
  }

  private static func concerns(_ fault: LocalKMSFault, _ address: String, _ nowSeconds: Int64) -> Bool {
    !isOver(fault, nowSeconds) && (fault.client.flatMap { AddressRange($0) }?.contains(address) ?? true)
  }
}

/// The operator's actions on faults.
extension EngineCall {
  func setFault(
    _ fields: RequestFields, _ accessKey: LocalKMSState.AccessKey, _ vault: borrowing LocalKMSVault
  ) throws(KMSFault) -> ByteBuffer {
    try authorize(.setFault, accessKey, vault)
    guard let kind = LocalKMSFault.Kind(rawValue: try fields.required("Kind")) else {
      let known = LocalKMSFault.Kind.allCases.map(\.rawValue).joined(separator: ", ")
      throw .validation("Kind must be one of \(known)")
    }
    var fault = LocalKMSFault(
      kind, value: try fields.integer("Value") ?? 0, dialect: try fields.text("Dialect"),
      client: try fields.text("Client"), region: try fields.text("Region"), count: try fields.integer("Count"))
    if let seconds = try fields.integer("Seconds") {
      guard (1...31_536_000).contains(seconds) else { throw .validation("Seconds must be at least 1") }
      fault.endSeconds = nowSeconds + Int64(seconds)
    }
    if let problem = fault.problem { throw .validation(problem) }
    guard let number = faults.set(fault) else {
      throw KMSFault("LimitExceededException", "there are \(FaultBoard.maximumCount) faults already")
    }
    return AWSRequestBody.plain([.init("Number", .integer(Int64(number)))])
  }

  func clearFaults(
    _ fields: RequestFields, _ accessKey: LocalKMSState.AccessKey, _ vault: borrowing LocalKMSVault
  ) throws(KMSFault) -> ByteBuffer {
    try authorize(.clearFaults, accessKey, vault)
    let number = try fields.integer("Number")
    let count = faults.clear(number)
    guard number == nil || count == 1 else { throw .missing("there is no fault \(number.map { "\($0)" } ?? "")") }
    return AWSRequestBody.plain([.init("Cleared", .integer(Int64(count)))])
  }

  func listFaults(_ accessKey: LocalKMSState.AccessKey, _ vault: borrowing LocalKMSVault) throws(KMSFault)
    -> ByteBuffer
  {
    try authorize(.listFaults, accessKey, vault)
    let items = faults.all.map { fault in
      JSONValue.object([
        .init("Number", .integer(Int64(fault.number))), .init("Kind", .string(fault.kind.rawValue)),
        .init("Value", .integer(Int64(fault.value))), .init("Dialect", fault.dialect.map { .string($0) } ?? .null),
        .init("Client", fault.client.map { .string($0) } ?? .null),
        .init("Region", fault.region.map { .string($0) } ?? .null),
        .init("Remaining", fault.remaining.map { .integer(Int64($0)) } ?? .null),
        .init("End", fault.endSeconds.map { .integer($0) } ?? .null),
      ])
    }
    return AWSRequestBody.plain([.init("Faults", .array(items)), .init("Truncated", .bool(false))])
  }
}
