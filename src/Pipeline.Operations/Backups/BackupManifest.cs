using System.Collections.Immutable;
using System.Globalization;
using System.Text.Json;
using Pipeline.Core;
using Pipeline.Delta.Storage;

namespace Pipeline.Operations.Backups;

/// <param name="Id">The table's <c>metaData.id</c>: one of the same name that was made anew is another.</param>
/// <param name="Version">The last version that belongs to the backup.</param>
public sealed record BackedUpTable(TableId Table, string Id, long Version)
{
    /// <summary>Where its objects lie in the place of backups.</summary>
    internal string Directory => $"tables/{Table}/{Id}";
}

/// <summary>
/// One backup of a lake: which version of each table belongs to it. Written when all that it names is there, so that a backup that was cut
/// off is none; what it has copied is there for the next one.
/// </summary>
/// <param name="Lake">The lake's id.</param>
/// <param name="Objects">What the lake says of itself, by the objects' paths.</param>
public sealed record BackupManifest(int Format, string Lake, DateTimeOffset At, ImmutableArray<BackedUpTable> Tables, ImmutableSortedDictionary<string, string> Objects)
{
    public const int CurrentFormat = 1;

    private const string Directory = "_backups/";
    private const string Extension = ".json";

    private static readonly JsonSerializerOptions Json = new(JsonSerializerDefaults.Web);

    /// <summary>Numbers of the backups that are in a place, the newest first.</summary>
    /// <exception cref="PipelineException">The place cannot be listed.</exception>
    public static async ValueTask<IReadOnlyList<int>> NumbersAsync(IObjectStore place, CancellationToken cancellationToken)
    {
        var numbers = new List<int>();
        await foreach (var found in place.ListAsync(Directory, startAt: null, cancellationToken))
            if (found.Path.EndsWith(Extension, StringComparison.Ordinal) && int.TryParse(found.Path.AsSpan(Directory.Length, found.Path.Length - Directory.Length - Extension.Length), NumberStyles.None, CultureInfo.InvariantCulture, out var number))
                numbers.Add(number);
        return [.. numbers.OrderDescending()];
    }

    /// <exception cref="PipelineException">There is no such backup, or nobody can read it.</exception>
    public static async ValueTask<BackupManifest> ReadAsync(IObjectStore place, int number, CancellationToken cancellationToken)
    {
        var path = PathOf(number);
        var utf8 = await place.TryGetAsync(path, cancellationToken) ?? throw new PipelineException(FaultKind.Missing, $"Backup {number} in {place.Location}", "it is not there", "Choose one of those that are: see its directory _backups.");
        try
        {
            if (JsonSerializer.Deserialize<BackupManifest>(utf8, Json) is { Format: CurrentFormat, Tables.IsDefault: false, Objects: not null } read) return read;
        }
        catch (Exception e) when (DataFaults.Are(e))
        {
            throw Damaged($"it cannot be read: {DataFaults.Cause(e)}", e);
        }

        throw Damaged($"it is not of format {CurrentFormat}", inner: null);

        PipelineException Damaged(string cause, Exception? inner) => new(FaultKind.Damaged, $"Object {path} in {place.Location}", cause, "Restore it, or use the backup before it.", inner);
    }

    /// <summary>Written under the first number that is free.</summary>
    /// <returns>The number.</returns>
    public async ValueTask<int> WriteAsync(IObjectStore place, CancellationToken cancellationToken)
    {
        var utf8 = JsonSerializer.SerializeToUtf8Bytes(this, Json);
        for (var number = (await NumbersAsync(place, cancellationToken)).FirstOrDefault() + 1; ; number++)
        {
            var put = await place.PutIfAbsentAsync(PathOf(number), utf8, cancellationToken);
            if (put == PutOutcome.Created || (put == PutOutcome.Ambiguous && await place.TryGetAsync(PathOf(number), cancellationToken) is { } there && there.AsSpan().SequenceEqual(utf8))) return number;
        }
    }

    private static string PathOf(int number) => Directory + number.ToString(CultureInfo.InvariantCulture) + Extension;
}
