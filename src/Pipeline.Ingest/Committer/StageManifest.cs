using System.Security.Cryptography;
using System.Text;
using Pipeline.Core;
using Pipeline.Delta;

namespace Pipeline.Ingest.Committer;

/// <summary>
/// A stage too large for one message between nodes, written into the lake instead, where its committer reads it. The worker
/// writes it before it sends the reference, and deletes it when the stage is decided; what a worker that was killed leaves is
/// vacuum's.
/// </summary>
internal static class StageManifest
{
    /// <summary>Below the table's directory.</summary>
    public const string Directory = "_staged";

    /// <summary>Of a message, a quarter of what a frame takes (akka.conf): what else is in a frame, and texts that grow in JSON, have room.</summary>
    public const int MessageBytesMax = 256 << 10;

    /// <summary>Of a manifest: no worker has so many files open.</summary>
    private const long ManifestBytesMax = 256L << 20;

    /// <summary>Whether a stage is too large to be a message.</summary>
    public static bool IsNeeded(StageFiles stage) => BytesOf(stage) > MessageBytesMax;

    /// <summary>Writes it, as often as it is asked for; returns what says where it is.</summary>
    public static async ValueTask<StageReference> WriteAsync(Lake lake, StageFiles stage, CancellationToken cancellationToken)
    {
        var content = IngestMessageSerializer.Write(stage);
        await lake.Store.PutAsync(PathOf(stage.Table, stage.Id), content, cancellationToken);
        return new StageReference(stage.Table, stage.Id, content.Length, Convert.ToHexStringLower(SHA256.HashData(content)));
    }

    /// <exception cref="PipelineException">It is not there, or not as it was written.</exception>
    public static async ValueTask<StageFiles> ReadAsync(Lake lake, StageReference reference, CancellationToken cancellationToken)
    {
        var path = PathOf(reference.Table, reference.Stage);
        if (reference.Bytes is < 0 or > ManifestBytesMax) throw Wrong(lake, path, $"it is said to have {Plural.Of(reference.Bytes, "byte")}");
        var found = await lake.Store.TryStatAsync(path, cancellationToken);
        if (found is null) throw Wrong(lake, path, "it is not there");
        if (found.Value.Size != reference.Bytes) throw Wrong(lake, path, $"it has {Plural.Of(found.Value.Size, "byte")} and not {reference.Bytes:#,0}");
        var content = await lake.Store.TryGetAsync(path, cancellationToken) ?? throw Wrong(lake, path, "it is not there");
        if (Convert.ToHexStringLower(SHA256.HashData(content)) != reference.Sha256) throw Wrong(lake, path, "it is not what its worker wrote");
        var stage = IngestMessageSerializer.Read<StageFiles>(content);
        return stage.Id == reference.Stage && stage.Table == reference.Table ? stage : throw Wrong(lake, path, "it is another stage's");
    }

    public static ValueTask DeleteAsync(Lake lake, TableId table, Guid stage, CancellationToken cancellationToken) => lake.Store.DeleteAsync(PathOf(table, stage), cancellationToken);

    /// <summary>Made of the table and the stage: no message says where to read.</summary>
    private static string PathOf(TableId table, Guid stage) => $"{table}/{Directory}/{stage:D}.json";

    /// <summary>Of its JSON, rather too many: statistics are JSON in JSON.</summary>
    private static long BytesOf(StageFiles stage) => (stage.Schema?.Length ?? 0) * 4L / 3
        + stage.Files.Sum(file => 200L + Encoding.UTF8.GetByteCount(file.Path) + (2L * Encoding.UTF8.GetByteCount(file.Stats ?? "")) + file.PartitionValues.Sum(value => 10L + value.Key.Length + (value.Value?.Length ?? 0)))
        + stage.Ranges.Sum(range => 80L + Encoding.UTF8.GetByteCount(range.Split.ToString()));

    private static PipelineException Wrong(Lake lake, string path, string cause) => new(FaultKind.Invalid, $"Staged manifest {path}", $"{cause} in the lake {lake.Store.Location}",
        "Nothing of its stage was committed; its worker starts over from what is. Does its node write to another lake?");
}
