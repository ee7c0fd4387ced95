using System.Text.Json;
using Pipeline.Core;
using Pipeline.Demo.Data;

namespace Pipeline.Demo.Driver;

/// <summary>
/// What a demo's data depends on, kept in its directory: a demo that was killed goes on with exactly the same data.
/// </summary>
/// <param name="Ticks">How many ticks the demo makes; null: as many as its duration allows.</param>
public sealed record DemoManifest(long Seed, DateTimeOffset BaseTime, int RowsPerTick, int? Ticks)
{
    private const string FileName = "manifest.json";
    private static readonly JsonSerializerOptions Json = new(JsonSerializerDefaults.Web) { WriteIndented = true };

    internal GeneratorSettings Settings => new(Seed, BaseTime, DataScale.Of(RowsPerTick));

    /// <summary>The manifest of a directory; null when no demo has run there.</summary>
    /// <exception cref="PipelineException">The file is damaged.</exception>
    public static DemoManifest? TryLoad(string directory)
    {
        var path = Path.Combine(directory, FileName);
        if (!File.Exists(path)) return null;
        try
        {
            return JsonSerializer.Deserialize<DemoManifest>(File.ReadAllText(path), Json)
                ?? throw new JsonException("The file holds no manifest.");
        }
        catch (JsonException e)
        {
            throw new PipelineException(FaultKind.Damaged, path, "it is not a demo's manifest", "Delete the demo's directory and start without --resume.", e);
        }
    }

    /// <summary>Writes the manifest whole or not at all.</summary>
    public void Save(string directory)
    {
        Directory.CreateDirectory(directory);
        var path = Path.Combine(directory, FileName);
        var partial = path + ".partial";
        File.WriteAllText(partial, JsonSerializer.Serialize(this, Json));
        File.Move(partial, path, overwrite: true);
    }
}
