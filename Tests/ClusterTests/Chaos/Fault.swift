// SPDX-License-Identifier: GPL-3.0-or-later

/// What the nemesis can do, each with how often it is drawn.
enum Fault: String, CaseIterable, Sendable {
  /// kill -9 of a node, and how long it stays dead: from an immediate restart to far longer than an election.
  case kill
  /// kill -9 of two nodes at once: with three, no majority is left.
  case killTwo
  /// SIGTERM of a node and a start soon after.
  case restart
  /// SIGSTOP, and SIGCONT later: a process that is there but does nothing, and then believes it is still primary.
  case pause
  case pauseTwo
  case killCoordinator
  case killKMS
  /// An operator's orders, in the middle of everything else.
  case stepDown, rotate, rollingRestart
  /// Nothing arrives at or leaves one node.
  case isolate
  /// What one node says does not arrive at another, the way back works.
  case oneWay
  /// The links of one node are slow.
  case delay
  /// Every sync of one node's disk takes longer.
  case slowDisk
  /// Nothing can be written to one node's disk for a while: the node fails, the others serve on, and it is started
  /// again when there is room.
  case fullDisk
  /// Every connection between two nodes breaks, and new ones can be made at once.
  case reset

  static let links: Set<Fault> = [.isolate, .oneWay, .delay, .reset]
  static let disks: Set<Fault> = [.slowDisk, .fullDisk]

  /// How often it is drawn, compared with the others.
  var weight: Int {
    switch self {
    case .kill: 6
    case .pause, .isolate, .oneWay: 3
    case .killTwo, .restart, .killCoordinator, .stepDown, .rotate, .delay, .slowDisk: 2
    case .pauseTwo, .killKMS, .rollingRestart, .reset, .fullDisk: 1
    }
  }

  /// How long it lasts, in milliseconds.
  var length: ClosedRange<Int> {
    switch self {
    case .kill: 0...20_000
    case .killTwo: 0...8_000
    case .restart: 0...4_000
    case .pause: 200...12_000
    case .pauseTwo: 500...6_000
    case .killCoordinator, .killKMS: 0...15_000
    case .isolate, .oneWay: 500...12_000
    case .delay, .slowDisk: 2_000...10_000
    case .fullDisk: 200...5_000
    case .stepDown, .rotate, .rollingRestart, .reset: 0...0
    }
  }
}
