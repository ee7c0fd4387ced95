using Akka;
using Akka.Actor;
using Akka.Hosting;
using Pipeline.Core;
using Pipeline.Telemetry.Sending;

namespace Pipeline.Telemetry;

public static class TelemetryRegistration
{
    /// <summary>How long a node that stops waits for its last interval to be taken; later it is in the spool.</summary>
    private static readonly TimeSpan FlushMax = TimeSpan.FromSeconds(4);

    /// <summary>Measures this node, and sends that by the sinks of <paramref name="telemetry"/>. The node's <see cref="MetricsActor"/> is in the actor registry.</summary>
    /// <param name="outages">The node's: says what is away.</param>
    /// <remarks>Coordinated shutdown has the last interval sent when everything else has ended.</remarks>
    public static AkkaConfigurationBuilder WithTelemetry(this AkkaConfigurationBuilder builder, NodeTelemetry telemetry, OutageWatch outages) => builder.WithActors((system, registry) =>
    {
        var metrics = Start(system, telemetry, outages);
        registry.Register<MetricsActor>(metrics);
        CoordinatedShutdown.Get(system).AddTask(CoordinatedShutdown.PhaseBeforeActorSystemTerminate, "flush-metrics", async () =>
        {
            // What cannot be sent now is there when the node starts again.
            await Background.FailureAsync(async cancel => await metrics.Ask<MetricsFlushed>(new FlushMetrics(), FlushMax, cancel), CancellationToken.None);
            return Done.Instance;
        });
    });

    internal static IActorRef Start(ActorSystem system, NodeTelemetry telemetry, OutageWatch outages)
    {
        var sinks = telemetry.Sinks.ToDictionary(sink => sink.Name, sink => MetricSinkActor.Props(sink, telemetry.SpoolOf(sink), telemetry.Options, telemetry.Meter, outages, telemetry.Time), StringComparer.Ordinal);
        return system.ActorOf(MetricsActor.Props(telemetry.Collector, sinks, telemetry.Options.Interval, telemetry.Time), "metrics");
    }
}
