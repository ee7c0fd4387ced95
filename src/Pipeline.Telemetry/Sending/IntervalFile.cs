using System.IO.Compression;
using System.Text.Json;
using Pipeline.Core;
using Pipeline.Core.Metrics;

namespace Pipeline.Telemetry.Sending;

/// <summary>An interval as a file of the spool: compressed JSON, instruments by meter and name.</summary>
internal static class IntervalFile
{
    private static readonly Dictionary<(string, string), InstrumentInfo> Listed = Instruments.All.ToDictionary(info => (info.Meter, info.Name));

    public static byte[] Write(MetricInterval interval)
    {
        using var bytes = new MemoryStream();
        using (var compressed = new GZipStream(bytes, CompressionLevel.Fastest))
            JsonSerializer.Serialize(compressed, new Content(interval.Node, interval.Started, interval.From, interval.To,
                [.. interval.Series.Select(series => new Line(series.Instrument.Meter, series.Instrument.Name, series.Tags, series.Value, series.Total, series.Spread, series.TotalSpread))]));
        return bytes.ToArray();
    }

    /// <summary>Null: it is none, or damaged. What a release that is not this one measured and this one does not know is left out.</summary>
    public static MetricInterval? Read(byte[] file)
    {
        try
        {
            using var content = new GZipStream(new MemoryStream(file), CompressionMode.Decompress);
            return JsonSerializer.Deserialize<Content>(content) is { Node: not null, Series: { } series } read
                ? new MetricInterval(read.Node, read.Started, read.From, read.To,
                    [.. series.Where(line => Listed.ContainsKey((line.Meter, line.Name))).Select(line => new SeriesInterval(Listed[(line.Meter, line.Name)], line.Tags, line.Value, line.Total, line.Spread, line.TotalSpread))])
                : null;
        }
        catch (Exception e) when (DataFaults.Are(e))
        {
            return null;
        }
    }

    private sealed record Content(string Node, DateTimeOffset Started, DateTimeOffset From, DateTimeOffset To, IReadOnlyList<Line>? Series);

    private sealed record Line(string Meter, string Name, IReadOnlyList<string> Tags, double Value, double Total, Spread? Spread, Spread? TotalSpread);
}
