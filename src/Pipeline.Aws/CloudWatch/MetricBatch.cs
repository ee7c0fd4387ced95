using System.IO.Compression;
using System.Text.Json;

namespace Pipeline.Aws.CloudWatch;

/// <summary>What one request puts: at most 1,000 metrics and 1 MB, written and, from some size on, compressed.</summary>
public sealed class MetricBatch
{
    public const int MetricsMax = 1_000;

    /// <summary>Before it is compressed.</summary>
    public const int BytesMax = 1_000_000;

    /// <summary>From where on AWS's own clients compress.</summary>
    private const int CompressedBytesMin = 10_240;

    private MetricBatch(int metrics, byte[] body, bool isCompressed) => (Metrics, Body, IsCompressed) = (metrics, body, isCompressed);

    /// <summary>How many it puts.</summary>
    public int Metrics { get; }

    internal byte[] Body { get; }

    internal bool IsCompressed { get; }

    /// <summary>As few batches as will do, in the order of the metrics.</summary>
    /// <param name="nameSpace">1 to 255 letters, digits and <c>. - _ / #</c>.</param>
    /// <param name="mayCompress">False: for who cannot read it, as some emulations.</param>
    public static IReadOnlyList<MetricBatch> Of(string nameSpace, IEnumerable<MetricDatum> metrics, bool mayCompress = true)
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
            var isCompressed = mayCompress && frame + bytes >= CompressedBytesMin;
            batches.Add(new MetricBatch(open.Count, Write(head, open, isCompressed), isCompressed));
            open.Clear();
            bytes = 0;
        }
    }

    private static byte[] Write(byte[] nameSpace, List<byte[]> metrics, bool isCompressed)
    {
        using var body = new MemoryStream();
        using (Stream to = isCompressed ? new GZipStream(body, CompressionLevel.Fastest, leaveOpen: true) : new BufferedStream(body))
        {
            to.Write("""{"Namespace":"""u8);
            to.Write(nameSpace);
            to.Write(""","MetricData":["""u8);
            for (var i = 0; i < metrics.Count; i++)
            {
                if (i > 0) to.Write(","u8);
                to.Write(metrics[i]);
            }

            to.Write("]}"u8);
        }

        return body.ToArray();
    }
}
