using System.Collections.Immutable;
using Pipeline.Core;
using Pipeline.Core.Metrics;

namespace Pipeline.Transform.Coordination.Freshness;

/// <summary>One table's freshness, as it is published.</summary>
/// <param name="Until">The moment that it reflects, on the actor's clock.</param>
/// <param name="Breach">How long until it passes its promise, when it was last looked at.</param>
internal sealed record MeasuredFreshness(TableId Table, TimeSpan Until, TimeSpan Sla, TimeSpan Breach);

/// <summary>How fresh the tables of all layers are, and how fresh they are promised to be: measured where the coordinator is.</summary>
internal sealed class FreshnessMeter : IDisposable
{
    private readonly PipelineMeter _meter = new(Instruments.TransformMeter);

    /// <param name="tables">As they are now; called from any thread, as <paramref name="now"/> is.</param>
    public FreshnessMeter(Func<ImmutableArray<MeasuredFreshness>> tables, Func<TimeSpan> now)
    {
        Gauge(Instruments.TableFreshness, table => Math.Max(0, (now() - table.Until).TotalSeconds));
        Gauge(Instruments.TableFreshnessSla, table => table.Sla.TotalSeconds);
        Gauge(Instruments.TableFreshnessBreach, table => table.Breach.TotalSeconds);

        void Gauge(InstrumentInfo info, Func<MeasuredFreshness, double> value) =>
            _meter.Gauge<double>(info, () => tables().Select(table => (value(table), new object[] { table.Table, table.Table.Layer.ToString().ToLowerInvariant() })));
    }

    public void Dispose() => _meter.Dispose();
}
