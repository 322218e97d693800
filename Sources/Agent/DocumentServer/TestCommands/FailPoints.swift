// SPDX-License-Identifier: GPL-3.0-or-later
internal import Documents
internal import Synchronization

/// Faults that a driver's own tests ask the server for (`configureFailPoint`); only where test commands are enabled.
///
/// `failCommand` and `onPrimaryTransactionalWrite` are the two that the tests of drivers use.
final class FailPoints: Sendable {
  /// What a fail point does to one command.
  struct Fault: Sendable {
    var error: CommandError?
    var writeConcernError: Document?
    /// Labels that take the place of those the server would give.
    var labels: [BSONValue]?
    var delay: Duration?
    var closesConnection = false
    /// Whether the command is carried out before the connection is closed.
    var runsBefore = false
    /// The fail point it comes from.
    var name = ""
  }

  private struct Point: Sendable {
    var fault: Fault
    var commands: Set<String>
    var onlyRetryable = false
    /// How many commands pass before it strikes.
    var skips = 0
    /// How often it still strikes; nil for always.
    var times: Int?
  }

  private let points = Mutex<[String: Point]>([:])

  /// What happens to this command now.
  func strike(_ request: CommandRequest) -> Fault? {
    guard request.name != "configureFailPoint" else { return nil }
    return points.withLock { points in
      for (name, point) in points {
        guard point.commands.isEmpty || point.commands.contains(request.name),
          !point.onlyRetryable || request.body.contains("txnNumber")
        else { continue }
        if point.skips > 0 {
          points[name]?.skips -= 1
          continue
        }
        if let times = point.times {
          points[name]?.times = times - 1
          if times <= 1 { points[name] = nil }
        }
        return point.fault
      }
      return nil
    }
  }

  /// A command turned out not to be what the fail point is about: it strikes once more.
  func giveBack(_ fault: Fault) {
    points.withLock { points in
      if let times = points[fault.name]?.times {
        points[fault.name]?.times = times + 1
      } else if points[fault.name] == nil {
        var point = Point(fault: fault, commands: [], onlyRetryable: true)
        point.times = 1
        points[fault.name] = point
      }
    }
  }

  /// Carries out `configureFailPoint`.
  func configure(_ arguments: CommandArguments) throws(CommandError) {
    var arguments = arguments
    let name = try arguments.requiredString("configureFailPoint")
    guard let mode = arguments.value("mode") else { throw arguments.missing("mode") }
    var data = try CommandArguments(try arguments.document("data") ?? Document(), owner: name)
    try arguments.finish()
    guard let times = try FailPoints.times(mode, name) else { return points.withLock { $0[name] = nil } }
    var point = Point(fault: Fault(), commands: [])
    point.fault.name = name
    if case .document(let document) = mode { point.skips = document["skip"]?.wholeNumber ?? 0 }
    switch name {
    case "failCommand": try FailPoints.readFailCommand(&data, &point)
    case "onPrimaryTransactionalWrite":
      point.onlyRetryable = true
      point.fault.closesConnection = try data.bool("closeConnection") ?? true
      if let code = try data.integer("failBeforeCommitExceptionCode") {
        point.fault.error = FailPoints.error(code)
      } else {
        point.fault.runsBefore = true
      }
    default: throw CommandError(.badValue, "there is no fail point '\(name)'")
    }
    try data.finish()
    point.times = times == .max ? nil : times
    points.withLock { [point] in $0[name] = point }
  }

  private static func readFailCommand(_ data: inout CommandArguments, _ point: inout Point) throws(CommandError) {
    for name in data.value("failCommands")?.elements ?? [] {
      if case .string(let name) = name { point.commands.insert(name) }
    }
    if let code = try data.integer("errorCode") { point.fault.error = error(code) }
    point.fault.writeConcernError = try data.document("writeConcernError")
    point.fault.labels = data.value("errorLabels")?.elements
    point.fault.closesConnection = try data.bool("closeConnection") ?? false
    let delay = try data.count("blockTimeMS") ?? 0
    if try data.bool("blockConnection") ?? false { point.fault.delay = .milliseconds(delay) }
    data.ignore("appName")
  }

  private static func error(_ code: Int) -> CommandError {
    CommandError(
      ErrorCode(number: Int32(clamping: code), name: "Location\(code)"), "a fail point made the command fail")
  }

  /// How often the point strikes, `max` for always, nil for off.
  private static func times(_ mode: BSONValue, _ name: String) throws(CommandError) -> Int? {
    switch mode {
    case .string("off"): return nil
    case .string("alwaysOn"): return .max
    case .document(let document):
      if let times = document["times"]?.wholeNumber, times >= 0 { return times == 0 ? nil : times }
      if let skip = document["skip"]?.wholeNumber, skip >= 0 { return .max }
    default: break
    }
    throw CommandError(.badValue, "\(name): this mode is not supported")
  }
}
