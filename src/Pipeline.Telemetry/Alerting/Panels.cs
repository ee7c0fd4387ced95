using Pipeline.Core.Metrics;

namespace Pipeline.Telemetry.Alerting;

/// <summary>Instruments that are looked at together.</summary>
/// <param name="Instruments">Of one unit. Of one that several meters have, one stands for all.</param>
public sealed record Panel(string Title, IReadOnlyList<InstrumentInfo> Instruments);

/// <param name="Panels">In the order of <see cref="Core.Metrics.Instruments.All"/>.</param>
public sealed record PanelSection(string Title, IReadOnlyList<Panel> Panels);

/// <summary>What a dashboard shows: every instrument there is, so that a new one is seen without a change.</summary>
public static class Panels
{
    private static readonly InstrumentInfo[][] Together = [[Instruments.TableFreshness, Instruments.TableFreshnessSla]];

    private static readonly Dictionary<string, string> Titles = new(StringComparer.Ordinal)
    {
        [Instruments.IngestMeter] = "Bronze",
        [Instruments.KafkaMeter] = "Sources",
        [Instruments.PostgresMeter] = "Sources",
        [Instruments.SnowflakeMeter] = "Sources",
        [Instruments.TransformMeter] = "Silver and Gold",
        [Instruments.NodeMeter] = "Nodes",
        [Instruments.StorageMeter] = "Storage",
        [Instruments.TelemetryMeter] = "Telemetry itself",
    };

    public static IReadOnlyList<PanelSection> All { get; } =
    [
        .. Instruments.All.DistinctBy(instrument => instrument.Name)
            .GroupBy(instrument => instrument.Name.StartsWith(Instruments.TableFreshness.Name, StringComparison.Ordinal) ? "Freshness" : Titles.GetValueOrDefault(instrument.Meter, instrument.Meter))
            .OrderByDescending(section => section.Key == "Freshness")
            .Select(section => new PanelSection(section.Key, [.. section.GroupBy(First).Select(panel => new Panel(panel.Key.Name, [.. panel]))])),
    ];

    private static InstrumentInfo First(InstrumentInfo instrument) => Together.FirstOrDefault(panel => panel.Contains(instrument))?[0] ?? instrument;
}
