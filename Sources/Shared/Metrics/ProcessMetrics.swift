// SPDX-License-Identifier: GPL-3.0-or-later
internal import Foundation
internal import Glibc

/// What the system says of this process, under the names that Prometheus' own clients use.
public enum ProcessMetrics {
  static let residentMemory = Metric(
    .gauge, "process_resident_memory_bytes", "Memory of the process that is in RAM, in bytes.")
  static let virtualMemory = Metric(.gauge, "process_virtual_memory_bytes", "Address space of the process, in bytes.")
  static let processorTime = Metric(
    .counter, "process_cpu_seconds_total", "Processor time used, in user and kernel mode, in seconds.")
  static let startTime = Metric(
    .gauge, "process_start_time_seconds", "When the process began, in seconds since 1970; a new image keeps it.")
  static let openFiles = Metric(.gauge, "process_open_fds", "Open file descriptors.")
  static let maximumFiles = Metric(.gauge, "process_max_fds", "How many file descriptors the process may open.")
  static let build = Metric(.gauge, "keyfold_build_info", labels: ["version"], "Always 1; the label is the version.")

  /// All that `register` adds.
  public static let all = [
    build, maximumFiles, openFiles, processorTime, residentMemory, startTime, virtualMemory, MetricsPage.dropped,
  ]

  /// Adds memory, processor time, descriptors and the version to a registry.
  public static func register(in registry: MetricsRegistry, version: String) {
    registry.onScrape { page in
      page.set(build, 1, [version])
      if let status = Self.status() {
        page.set(virtualMemory, status.virtualBytes)
        page.set(residentMemory, status.residentPages * Double(sysconf(Int32(_SC_PAGESIZE))))
        let ticks = Double(sysconf(Int32(_SC_CLK_TCK)))
        page.set(processorTime, status.processorTicks / ticks)
        if let boot = bootTime() { page.set(startTime, boot + status.startTicks / ticks) }
      }
      if let count = try? FileManager.default.contentsOfDirectory(atPath: "/proc/self/fd").count {
        page.set(openFiles, count)
      }
      var limit = rlimit()
      if unsafe getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0 {
        page.set(maximumFiles, limit.rlim_cur)
      }
    }
  }

  struct Status: Equatable {
    var processorTicks: Double
    var startTicks: Double
    var virtualBytes: Double
    var residentPages: Double
  }

  private static func status() -> Status? { contents(of: "/proc/self/stat").flatMap(parse) }

  /// Reads a line of proc(5)'s `stat`; the name in parentheses may hold anything, so fields are counted behind it.
  static func parse(_ line: String) -> Status? {
    guard let end = line.lastIndex(of: ")") else { return nil }
    let fields = line[line.index(after: end)...].split(whereSeparator: \.isWhitespace)
    // Behind the name: state is field 3, utime 14, stime 15, starttime 22, vsize 23, rss 24.
    func field(_ number: Int) -> Double? { fields.indices.contains(number - 3) ? Double(fields[number - 3]) : nil }
    guard let user = field(14), let kernel = field(15), let start = field(22), let virtual = field(23),
      let resident = field(24)
    else { return nil }
    return Status(processorTicks: user + kernel, startTicks: start, virtualBytes: virtual, residentPages: resident)
  }

  private static func bootTime() -> Double? {
    contents(of: "/proc/stat")?.split(separator: "\n").first { $0.hasPrefix("btime ") }
      .flatMap { Double($0.dropFirst("btime ".count)) }
  }

  private static func contents(of path: String) -> String? {
    FileManager.default.contents(atPath: path).map { String(decoding: $0, as: UTF8.self) }
  }
}
