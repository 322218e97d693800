// SPDX-License-Identifier: GPL-3.0-or-later

internal import ClusterModel
public import Metrics
internal import Secrets

/// What a daemon measures of its calls to customers' KMSs.
public struct KMSMeasures: Sendable {
  static let calls = Metric(
    .counter, "keyfold_kms_calls_total", labels: ["operation", "outcome"],
    "Operations asked of a customer's KMS, retries included in one; the outcome is ok or the kind of failure.")
  static let seconds = Metric(
    .histogram, "keyfold_kms_call_seconds", "How long an operation of a customer's KMS took, retries included.")

  /// All that is measured here.
  public static let all = [calls, seconds]

  private let counter = Counter(calls)
  private let histogram = Histogram(seconds, bounds: Histogram.seconds)

  /// Makes measures that `registry` shows.
  public init(in registry: MetricsRegistry) {
    registry.add(counter)
    registry.add(histogram)
  }

  func finished(_ operation: KMSError.Operation, since start: ContinuousClock.Instant, _ error: KMSError?) {
    counter.add(1, operation.rawValue, error?.kind.rawValue ?? "ok")
    histogram.record(start.duration(to: .now))
  }
}

/// A service whose calls are counted.
struct MeasuredService: KeyManagementService {
  let service: any KeyManagementService
  let measures: KMSMeasures

  func wrap(_ key: borrowing SecretBytes, context: KeyContext, deadline: Duration) async throws(KMSError)
    -> WrappedMasterKey
  {
    let start = ContinuousClock.now
    do {
      let wrapped = try await service.wrap(key, context: context, deadline: deadline)
      measures.finished(.wrap, since: start, nil)
      return wrapped
    } catch {
      measures.finished(.wrap, since: start, error)
      throw error
    }
  }

  func unwrap(_ wrapped: WrappedMasterKey, context: KeyContext, deadline: Duration) async throws(KMSError)
    -> SecretBytes
  {
    let start = ContinuousClock.now
    do {
      let key = try await service.unwrap(wrapped, context: context, deadline: deadline)
      measures.finished(.unwrap, since: start, nil)
      return key
    } catch {
      measures.finished(.unwrap, since: start, error)
      throw error
    }
  }

  func describe(deadline: Duration) async throws(KMSError) -> KMSKeyDescription {
    let start = ContinuousClock.now
    do {
      let description = try await service.describe(deadline: deadline)
      measures.finished(.describe, since: start, nil)
      return description
    } catch {
      measures.finished(.describe, since: start, error)
      throw error
    }
  }

  func renewing() -> any KeyManagementService { MeasuredService(service: service.renewing(), measures: measures) }
}
