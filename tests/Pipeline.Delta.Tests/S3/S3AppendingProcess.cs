using Pipeline.Delta.Storage;
using Pipeline.Delta.Tests.Log;

namespace Pipeline.Delta.Tests.S3;

/// <summary>An <see cref="AppendingProcess"/> whose table is in a bucket. Faults are its proxy's.</summary>
internal static class S3AppendingProcess
{
    public const string Verb = "append-s3";

    public static string[] Arguments(S3Bucket bucket, int writer, int commits) =>
        [Verb, bucket.Store.Location, bucket.Options.Endpoint!.ToString(), $"{writer}", $"{commits}"];

    public static async Task<int> RunAsync(string[] args)
    {
        var (writer, commits) = (int.Parse(args[2]), int.Parse(args[3]));
        var options = S3Bucket.OptionsFor(new Uri(args[1]));
        using var store = new S3ObjectStore(S3Location.Parse(args[0]), options, TimeProvider.System, S3StandIn.Credentials);
        var table = await DeltaTable.TryOpenAsync(store, "t", TimeProvider.System, CancellationToken.None)
            ?? throw new InvalidOperationException("The parent makes the table.");
        return await AppendingProcess.AppendAsync(table, writer, commits);
    }
}
