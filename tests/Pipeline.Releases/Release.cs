using System.Formats.Tar;
using System.IO.Compression;
using System.Text.Json;
using System.Text.Json.Serialization;

namespace Pipeline.Releases;

/// <summary>A Silver run that was cut off between its commits: the table has the run's rows, its quality log does not.</summary>
public sealed record HalfWayRun(string Table, long Run);

/// <summary>
/// What a release has left behind: a lake, a coordinator's journal, configurations, every message and event as bytes, and the
/// scripts of the rows that were there and that come next.
/// </summary>
/// <param name="Name">Year and month.</param>
/// <param name="Commit">What the release was built from.</param>
public sealed record Release(string Name, string Commit, HalfWayRun HalfWay)
{
    private const string DescriptionFile = "release.json", StateFile = "state.tar.gz";

    private static readonly JsonSerializerOptions Json = new(JsonSerializerDefaults.Web) { WriteIndented = true };

    /// <summary>All that are kept, the oldest first.</summary>
    public static IReadOnlyList<Release> All =>
        [.. Directory.EnumerateDirectories(Path.Combine(AppContext.BaseDirectory, "releases")).Order(StringComparer.Ordinal).Select(Read)];

    public static Release Of(string name) => All.Single(release => release.Name == name);

    private string Home => Path.Combine(AppContext.BaseDirectory, "releases", Name);

    /// <summary>The release's <c>hocon/</c>, as it was shipped, and beside it <c>quick.conf</c> and <c>every-option*.conf</c>.</summary>
    [JsonIgnore]
    public string Configurations => Path.Combine(Home, "hocon");

    /// <summary>The scripts of <see cref="SourceSystems"/>.</summary>
    [JsonIgnore]
    public string Rows => Path.Combine(Home, "rows");

    [JsonIgnore]
    public string Messages => Path.Combine(Home, "messages");

    /// <summary>Unpacks lake and journal into a directory of their own.</summary>
    public async Task<ReleaseState> UnpackAsync(CancellationToken cancellationToken)
    {
        var state = new ReleaseState(Configurations);
        await using var file = File.OpenRead(Path.Combine(Home, StateFile));
        await using var content = new GZipStream(file, CompressionMode.Decompress);
        await TarFile.ExtractToDirectoryAsync(content, state.Root, overwriteFiles: false, cancellationToken);
        return state;
    }

    /// <summary>Packs what a release left in <paramref name="root"/> into its directory.</summary>
    public async Task PackAsync(string root, string directory, CancellationToken cancellationToken)
    {
        await using (var file = File.Create(Path.Combine(directory, StateFile)))
        await using (var content = new GZipStream(file, CompressionLevel.SmallestSize))
            await TarFile.CreateFromDirectoryAsync(root, content, includeBaseDirectory: false, cancellationToken);
        await File.WriteAllTextAsync(Path.Combine(directory, DescriptionFile), JsonSerializer.Serialize(this, Json) + "\n", cancellationToken);
    }

    public override string ToString() => Name;

    private static Release Read(string directory) => JsonSerializer.Deserialize<Release>(File.ReadAllText(Path.Combine(directory, DescriptionFile)), Json)
        ?? throw new InvalidOperationException($"{directory} describes no release.");
}
