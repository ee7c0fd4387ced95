namespace Pipeline.Core.Metrics;

public static partial class Instruments
{
    public const string StorageMeter = "Pipeline.Delta";

    private const string InBucket = "something is in a bucket";

    public static readonly InstrumentInfo S3Requests = new(StorageMeter, "pipeline.s3.requests", InstrumentKind.Counter, "{request}",
        ["bucket", "operation", "outcome"],
        "Requests to S3, each attempt, by S3's name for what is asked; outcome: succeeded, refused (of class 4xx: also what is not there, or there already) or failed (of class 5xx, or without an answer)", InBucket);

    public static readonly InstrumentInfo S3Sent = new(StorageMeter, "pipeline.s3.sent.bytes", InstrumentKind.Counter, "By",
        ["bucket", "operation"], "Bytes of bodies of requests to S3, each attempt", InBucket);

    public static readonly InstrumentInfo S3Received = new(StorageMeter, "pipeline.s3.received.bytes", InstrumentKind.Counter, "By",
        ["bucket", "operation"], "Bytes read of bodies of answers of S3", InBucket);

    private static IReadOnlyList<InstrumentInfo> Storage => [S3Requests, S3Sent, S3Received];
}
