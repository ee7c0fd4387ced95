using Pipeline.Core;
using Pipeline.Core.Metrics;

namespace Pipeline.Telemetry.Alerting;

/// <summary>A configured source.</summary>
/// <param name="Meter">Of its kind.</param>
/// <param name="Partitions">Of each table: what is read on its own.</param>
public sealed record MeasuredSource(string Name, string Meter, IReadOnlyList<string> Tables, int Partitions);

/// <summary>What a pipeline has that is measured.</summary>
/// <param name="Transformed">Its Silver and Gold tables.</param>
/// <param name="Sinks">Where metrics are sent.</param>
/// <param name="Directories">Those of a node whose disk's free space is measured, by what the tag calls them.</param>
public sealed record MeasuredPipeline(IReadOnlyList<MeasuredSource> Sources, IReadOnlyList<TableId> Transformed, int Nodes, IReadOnlyList<string> Sinks, IReadOnlyList<string> Directories);

/// <summary>
/// The series that a pipeline will send, before it runs: its instruments with the values that their tags will have. What is
/// measured only when something goes wrong is not among them. Parts of a table are one, as a receiver that bills by the series is sent them.
/// </summary>
public static class ExpectedSeries
{
    /// <summary>Silver has contracts, so that only its tables have a quality; and only their runs read Bronze rows.</summary>
    private static readonly InstrumentInfo[] OfSilver =
        [Instruments.Quality, Instruments.RunRate, Instruments.QuarantinedRows, Instruments.HeldRows, Instruments.QuarantinedShare, Instruments.RuleFailures, Instruments.UnreadFields, Instruments.RecordCost];

    /// <summary>Measured wherever metrics are sent.</summary>
    private static readonly InstrumentInfo[] OfSending = [Instruments.TelemetrySent, Instruments.TelemetryDropped, Instruments.TelemetrySpoolBytes];

    /// <summary>Tags whose values are the same in every pipeline.</summary>
    private static readonly Dictionary<string, string[]> Fixed = new(StringComparer.Ordinal)
    {
        ["outcome"] = ["succeeded"],
        ["dimension"] = ["completeness", "consistency", "timeliness", "uniqueness", "validity"],
        ["kind"] = ["managed", "native", "resident"],
    };

    public static IReadOnlyList<(InstrumentInfo Instrument, IReadOnlyList<string> Tags)> Of(MeasuredPipeline pipeline) =>
        [.. Instruments.All.Where(instrument => instrument.OnlyWhen is null || OfSending.Contains(instrument)).SelectMany(instrument => TagsOf(instrument, pipeline).Select(tags => (instrument, tags)))];

    private static IEnumerable<IReadOnlyList<string>> TagsOf(InstrumentInfo instrument, MeasuredPipeline pipeline)
    {
        IEnumerable<List<string>> all = [[]];
        var sources = pipeline.Sources.Where(source => instrument.Meter == Instruments.IngestMeter || source.Meter == instrument.Meter).ToList();
        foreach (var tag in instrument.Tags)
        {
            all = [.. all.SelectMany(tags => ValuesOf(tag, tags).Select(value => (List<string>)[.. tags, value]))];
        }

        return all;

        IEnumerable<string> ValuesOf(string tag, List<string> before) => tag switch
        {
            "source" => sources.Select(source => source.Name),
            "table" when before.Count > 0 => sources.Single(source => source.Name == before[0]).Tables,
            "table" when instrument.Meter == Instruments.TransformMeter && instrument.Tags.Contains("layer") && IsOfAllLayers(instrument) => Bronze(pipeline.Sources).Concat(Transformed()),
            "table" when instrument.Meter == Instruments.TransformMeter => Transformed(),
            "table" => Bronze(sources),
            "layer" => [before[0].Split('/')[0]],
            "split" => sources.Where(source => source.Name == before[0]).SelectMany(source => source.Tables.SelectMany(table => Enumerable.Range(0, source.Partitions).Select(part => $"{table}-{part}"))),
            "sink" => pipeline.Sinks,
            "directory" => pipeline.Directories,
            "address" => Enumerable.Range(1, pipeline.Nodes).Select(node => $"node-{node}"),
            _ => Fixed.GetValueOrDefault(tag, ["*"]),
        };

        IEnumerable<string> Transformed() => pipeline.Transformed.Where(table => table.Layer == Layer.Silver || !OfSilver.Contains(instrument)).Select(table => table.ToString());
    }

    private static bool IsOfAllLayers(InstrumentInfo instrument) => instrument.Name.StartsWith(Alerts.TableSilent.Instrument.Name, StringComparison.Ordinal);

    private static IEnumerable<string> Bronze(IReadOnlyList<MeasuredSource> sources) => sources.SelectMany(source => source.Tables.Select(table => TableId.Bronze(source.Name, table).ToString()));
}
