using System.Text;
using System.Text.Json;
using Pipeline.Core;
using Pipeline.Delta.Storage;

namespace Pipeline.Demo.Session;

/// <summary>
/// What tells a demo's part of a bucket from everybody else's: an object with a name that only the directory of the demo's
/// servers knows. What another demo, another machine or a real pipeline has written is never cleared.
/// </summary>
internal sealed class OwnedBucket
{
    /// <summary>In the directory of the demo's servers.</summary>
    public const string FileName = "bucket.json";

    private const string Marker = ".demo/owner";
    private const int DeletesAtOnce = 8;

    private readonly IObjectStore _bucket;

    private OwnedBucket(IObjectStore bucket, bool isTaken) => (_bucket, IsTaken) = (bucket, isTaken);

    /// <summary>Whether a demo of this directory has been in it before.</summary>
    public bool IsTaken { get; }

    /// <summary>The lake whose demo has its servers in a directory; null: it is no lake in a bucket, or there is no demo.</summary>
    /// <exception cref="PipelineException">The file that says so is damaged.</exception>
    public static string? LakeOf(string hidden) => TryRead(hidden)?.Lake;

    /// <summary>Takes what is empty, or finds again what is this directory's.</summary>
    /// <param name="hidden">Where the demo's servers keep what is theirs.</param>
    /// <exception cref="PipelineException">It is neither, or the store fails.</exception>
    public static async Task<OwnedBucket> OpenAsync(IObjectStore bucket, string hidden, CancellationToken cancellationToken)
    {
        var owner = TryRead(hidden) ?? Write(hidden, new Form(bucket.Location, Guid.NewGuid().ToString()));
        if (await bucket.TryGetAsync(Marker, cancellationToken) is { } there) return new OwnedBucket(bucket, IsOf(there) ? true : throw NotOurs(bucket));
        await foreach (var _ in bucket.ListAsync("", startAt: null, cancellationToken)) throw NotOurs(bucket);
        // Whether it became ours or another's, what is there now counts.
        await bucket.PutIfAbsentAsync(Marker, Encoding.UTF8.GetBytes(owner.Id), cancellationToken);
        var written = await bucket.TryGetAsync(Marker, cancellationToken) ?? throw new PipelineException(FaultKind.Unreachable, $"Object {Marker} in {bucket.Location}",
            "it was written and cannot be read", "Try again; if that does not help, look whether something deletes objects there.");
        return IsOf(written) ? new OwnedBucket(bucket, isTaken: false) : throw NotOurs(bucket);

        bool IsOf(byte[] marker) => Encoding.UTF8.GetString(marker) == owner.Id;
    }

    /// <summary>Removes everything but the sign that it is ours.</summary>
    public async Task ClearAsync(CancellationToken cancellationToken)
    {
        var options = new ParallelOptions { MaxDegreeOfParallelism = DeletesAtOnce, CancellationToken = cancellationToken };
        await Parallel.ForEachAsync(_bucket.ListAsync("", startAt: null, cancellationToken), options, async (found, cancel) =>
        {
            if (found.Path != Marker) await _bucket.DeleteAsync(found.Path, cancel);
        });
        await Parallel.ForEachAsync(_bucket.ListUnfinishedAsync("", cancellationToken), options, async (upload, cancel) => await _bucket.AbandonAsync(upload, cancel));
    }

    private static PipelineException NotOurs(IObjectStore bucket) => new(FaultKind.Invalid, $"Lake {bucket.Location}", "it is not empty and no demo of this directory made it",
        "Choose another prefix with --lake, or the directory of the demo that made it with --servers; the demo only clears what is its own.");

    private static Form? TryRead(string hidden)
    {
        var path = Path.Combine(hidden, FileName);
        if (!File.Exists(path)) return null;
        try
        {
            return JsonSerializer.Deserialize<Form>(File.ReadAllText(path)) is { Id.Length: > 0, Lake.Length: > 0 } form ? form : throw new JsonException("It names no bucket.");
        }
        catch (JsonException e)
        {
            throw new PipelineException(FaultKind.Damaged, path, "it does not say which bucket is the demo's", "Delete the demo's directory, or choose another with --servers.", e);
        }
    }

    private static Form Write(string hidden, Form form)
    {
        var path = Path.Combine(hidden, FileName);
        File.WriteAllText(path + ".partial", JsonSerializer.Serialize(form));
        File.Move(path + ".partial", path, overwrite: true);
        return form;
    }

    private sealed record Form(string Lake, string Id);
}
