using System.IO.Compression;
using Google.Protobuf;
using Pipeline.Core.Metrics;
using Pipeline.Telemetry.Prometheus;

namespace Pipeline.Telemetry.Otlp;

/// <summary>
/// What one request sends: an <c>ExportMetricsServiceRequest</c> of OTLP 1.x. Counters and histograms are sent since the process started: what
/// was lost on the way is in the next. Numbers of fields: opentelemetry-proto, <c>metrics/v1/metrics.proto</c>.
/// </summary>
/// <param name="Points">How many data points it has.</param>
internal sealed record OtlpRequest(int Points, byte[] Body)
{
    /// <summary>What CloudWatch takes in one request is less than what collectors do: 1,000 points and 1 MB, before they are compressed.</summary>
    public const int PointsMax = 500;

    /// <inheritdoc cref="PointsMax"/>
    public const int BytesMax = 900_000;

    private const int Cumulative = 2;

    /// <summary>As few requests as will do, in the order of the series.</summary>
    /// <param name="pipeline">The pipeline's name: <c>service.name</c>, and an attribute of every point, since receivers do not put what is said of the sender into a series.</param>
    public static IReadOnlyList<OtlpRequest> Of(MetricInterval interval, string pipeline)
    {
        List<OtlpRequest> requests = [];
        List<(InstrumentInfo Instrument, byte[] Point)> open = [];
        var bytes = 0;
        foreach (var series in interval.Series)
        {
            var point = PointOf(series, interval, pipeline);
            // With it goes, at the most, what is said of its instrument.
            var size = point.Length + series.Instrument.Meaning.Length + series.Instrument.Name.Length + 64;
            if (open.Count == PointsMax || (open.Count > 0 && bytes + size > BytesMax)) Close();
            open.Add((series.Instrument, point));
            bytes += size;
        }

        if (open.Count > 0) Close();
        return requests;

        void Close()
        {
            requests.Add(new OtlpRequest(open.Count, RequestOf(interval.Node, pipeline, open)));
            open.Clear();
            bytes = 0;
        }
    }

    public byte[] Compressed()
    {
        using var body = new MemoryStream();
        using (var compressed = new GZipStream(body, CompressionLevel.Fastest)) compressed.Write(Body);
        return body.ToArray();
    }

    private static byte[] RequestOf(string node, string pipeline, List<(InstrumentInfo Instrument, byte[] Point)> points) => Message(request => Nested(request, 1, resourceMetrics =>
    {
        Nested(resourceMetrics, 1, resource =>
        {
            Attribute(resource, 1, "service.name", pipeline);
            Attribute(resource, 1, "service.instance.id", node);
        });
        foreach (var meter in points.GroupBy(point => point.Instrument.Meter, StringComparer.Ordinal))
            Nested(resourceMetrics, 2, scopeMetrics =>
            {
                Nested(scopeMetrics, 1, scope => Text(scope, 1, meter.Key));
                foreach (var metric in meter.GroupBy(point => point.Instrument, point => point.Point)) Nested(scopeMetrics, 2, written => Metric(written, metric.Key, metric));
            });
    }));

    private static void Metric(CodedOutputStream metric, InstrumentInfo instrument, IEnumerable<byte[]> points)
    {
        Text(metric, 1, instrument.Name);
        Text(metric, 2, instrument.Meaning);
        Text(metric, 3, instrument.Unit);
        var field = instrument.Kind switch { InstrumentKind.Gauge => 5, InstrumentKind.Counter => 7, _ => 9 };
        Nested(metric, field, data =>
        {
            foreach (var point in points) Bytes(data, 1, point);
            if (instrument.Kind != InstrumentKind.Gauge) Number(data, 2, Cumulative);
            if (instrument.Kind == InstrumentKind.Counter) Number(data, 3, 1);
        });
    }

    private static byte[] PointOf(SeriesInterval series, MetricInterval interval, string pipeline) => Message(point =>
    {
        if (series.Instrument.Kind != InstrumentKind.Gauge) Fixed(point, 2, Nanoseconds(interval.Started));
        Fixed(point, 3, Nanoseconds(interval.To));
        if (series.TotalSpread is { } spread) Histogram(point, series, spread);
        else Double(point, 4, series.Total);
        var attributes = series.Instrument.Kind == InstrumentKind.Histogram ? 9 : 7;
        Attribute(point, attributes, PrometheusNames.PipelineLabel, pipeline);
        foreach (var (tag, value) in series.Instrument.Tags.Zip(series.Tags)) Attribute(point, attributes, tag, value);
    });

    private static void Histogram(CodedOutputStream point, SeriesInterval series, Spread spread)
    {
        var bounds = HistogramBounds.Of(series.Instrument);
        var counts = HistogramBounds.Count(bounds, spread);
        Fixed(point, 4, (ulong)counts.Sum());
        Double(point, 5, series.Total);
        Bytes(point, 6, Message(packed => Array.ForEach(counts, count => packed.WriteFixed64((ulong)count))));
        Bytes(point, 7, Message(packed =>
        {
            foreach (var bound in bounds) packed.WriteDouble(bound);
        }));
    }

    private static ulong Nanoseconds(DateTimeOffset at) => (ulong)Math.Max(0, (at - DateTimeOffset.UnixEpoch).Ticks) * 100;

    private static void Attribute(CodedOutputStream of, int field, string key, string value) => Nested(of, field, pair =>
    {
        Text(pair, 1, key);
        Nested(pair, 2, any => Text(any, 1, value));
    });

    private static byte[] Message(Action<CodedOutputStream> write)
    {
        using var bytes = new MemoryStream();
        using (var message = new CodedOutputStream(bytes, leaveOpen: true)) write(message);
        return bytes.ToArray();
    }

    private static void Nested(CodedOutputStream into, int field, Action<CodedOutputStream> write) => Bytes(into, field, Message(write));

    private static void Bytes(CodedOutputStream into, int field, byte[] bytes)
    {
        into.WriteTag(field, WireFormat.WireType.LengthDelimited);
        into.WriteBytes(UnsafeByteOperations.UnsafeWrap(bytes));
    }

    private static void Text(CodedOutputStream into, int field, string text)
    {
        into.WriteTag(field, WireFormat.WireType.LengthDelimited);
        into.WriteString(text);
    }

    private static void Number(CodedOutputStream into, int field, int number)
    {
        into.WriteTag(field, WireFormat.WireType.Varint);
        into.WriteInt32(number);
    }

    private static void Fixed(CodedOutputStream into, int field, ulong number)
    {
        into.WriteTag(field, WireFormat.WireType.Fixed64);
        into.WriteFixed64(number);
    }

    private static void Double(CodedOutputStream into, int field, double number)
    {
        into.WriteTag(field, WireFormat.WireType.Fixed64);
        into.WriteDouble(number);
    }
}
