// SPDX-License-Identifier: GPL-3.0-or-later
public import Metrics

/// What a node measures of its drivers.
public struct ServerMeasures: Sendable {
  /// Why a connection was closed from this side.
  enum Refusal: String, CaseIterable, Sendable {
    case tooMany = "too_many"
    case notUnderstood = "not_understood"
    case tooSlow = "too_slow"
    case address
    /// It was not logged in, and another one needed its place.
    case notLoggedIn = "not_logged_in"
  }

  static let commands = Metric(
    .counter, "keyfold_driver_commands_total", labels: ["command"],
    "Commands of drivers that were answered; those that do not exist count as other.")
  static let failures = Metric(
    .counter, "keyfold_driver_command_failures_total", labels: ["command"],
    "Commands of drivers that were answered with an error of the whole command.")
  static let seconds = Metric(
    .histogram, "keyfold_driver_command_seconds",
    "How long a driver's command took, from its last byte to its answer; hello is left out, because it may wait.")
  static let refusals = Metric(
    .counter, "keyfold_driver_connections_refused_total", labels: ["reason"],
    "Connections of drivers that this node closed: too many, bytes that are no message, a peer that is too slow, an "
      + "address that is not on the access list, or no login while another connection needed the place.")

  /// All that is measured here.
  public static let all = [commands, failures, seconds, refusals]

  /// The commands that are told apart: a driver's words never become a label by themselves.
  static let knownCommands: Set<String> = [
    "abortTransaction", "aggregate", "buildInfo", "collMod", "collStats", "commitTransaction", "connectionStatus",
    "count", "create", "createIndexes", "createUser", "currentOp", "dbStats", "delete", "distinct", "drop",
    "dropDatabase", "dropIndexes", "dropUser", "endSessions", "explain", "find", "findAndModify", "getCmdLineOpts",
    "getLog", "getMore", "getParameter", "hello", "hostInfo", "insert", "isMaster", "ismaster", "killCursors",
    "killSessions", "listCollections", "listCommands", "listDatabases", "listIndexes", "logout", "ping",
    "refreshSessions", "replSetGetStatus", "saslContinue", "saslStart", "serverStatus", "startSession", "update",
    "updateUser", "usersInfo", "whatsmyuri",
  ]

  /// Commands that wait for something to happen.
  private static let waitingCommands: Set<String> = ["hello", "isMaster", "ismaster"]

  private let commandCounter = Counter(commands)
  private let failureCounter = Counter(failures)
  private let histogram = Histogram(seconds, bounds: Histogram.seconds)
  private let refusalCounter = Counter(refusals)

  /// Makes measures that nobody shows.
  public init() {}

  /// Makes measures that `registry` shows.
  public init(in registry: MetricsRegistry) {
    registry.add(commandCounter)
    registry.add(failureCounter)
    registry.add(histogram)
    registry.add(refusalCounter)
  }

  func answered(_ command: String, since start: ContinuousClock.Instant, failed: Bool) {
    let name = Self.knownCommands.contains(command) ? command : "other"
    commandCounter.add(1, name)
    if failed { failureCounter.add(1, name) }
    if !Self.waitingCommands.contains(name) { histogram.record(start.duration(to: .now)) }
  }

  /// How many connections were closed for a reason.
  func refusals(_ reason: Refusal) -> UInt64 { refusalCounter.value(reason.rawValue) }

  func refused(_ reason: Refusal) { refusalCounter.add(1, reason.rawValue) }
}
