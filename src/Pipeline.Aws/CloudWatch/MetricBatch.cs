using System.IO.Compression;
using System.Text.Json;

namespace Pipeline.Aws.CloudWatch;

/// <summary>What one request puts: at most 1,000 metrics and 1 MB, written and compressed.</summary>
public sealed class MetricBatch
{
    public const int MetricsMax = 1_000;

    /// <summary>Before it is compressed.</summary>
    public const int BytesMax = 1_000_000;

    private MetricBatch(int metrics, byte[] body) => (Metrics, Body) = (metrics, body);

    /// <summary>How many it puts.</summary>
    public int Metrics { get; }

    internal byte[] Body { get; }

    /// <summary>As few batches as will do, in the order of the metrics.</summary>
    /// <param name="nameSpace">1 to 255 letters, digits and <c>. - _ / #</c>.</param>
    public static IReadOnlyList<MetricBatch> Of(string nameSpace, IEnumerable<MetricDatum> metrics)
    {
        var head = JsonSerializer.SerializeToUtf8Bytes(nameSpace, AwsJson.Options);
        List<MetricBatch> batches = [];
        List<byte[]> open = [];
        var (bytes, frame) = (0, head.Length + """{"Namespace":,"MetricData":[]}""".Length);
        foreach (var metric in metrics.Select(metric => metric.ToWire()))
        {
            if (open.Count == MetricsMax || (open.Count > 0 && frame + bytes + metric.Length + 1 > BytesMax)) Close();
            open.Add(metric);
            bytes += metric.Length + 1;
        }

        if (open.Count > 0) Close();
        return batches;

        void Close()
        {
            batches.Add(new MetricBatch(open.Count, Write(head, open)));
            open.Clear();
            bytes = 0;
        }
    }

    private static byte[] Write(byte[] nameSpace, List<byte[]> metrics)
    {
        using var body = new MemoryStream();
        using (var compressed = new GZipStream(body, CompressionLevel.Fastest))
        {
            compressed.Write("""{"Namespace":"""u8);
            compressed.Write(nameSpace);
            compressed.Write(""","MetricData":["""u8);
            for (var i = 0; i < metrics.Count; i++)
            {
                if (i > 0) compressed.Write(","u8);
                compressed.Write(metrics[i]);
            }

            compressed.Write("]}"u8);
        }

        return body.ToArray();
    }
}
