using System.Reflection;
using System.Xml.Linq;
using Pipeline.Testing;

namespace Pipeline.Node.Tests;

/// <summary>
/// Dependencies point inward. Checked on what assemblies really refer to, so that a using that slipped in counts and a
/// project reference that nobody uses does not.
/// </summary>
public sealed partial class ArchitectureSpec
{
    private static readonly Dictionary<string, string[]> MayKnow = new(StringComparer.Ordinal)
    {
        ["Pipeline.Core"] = [],
        ["Pipeline.Configuration"] = ["Pipeline.Core"],
        ["Pipeline.Aws"] = ["Pipeline.Core"],
        ["Pipeline.Telemetry"] = ["Pipeline.Core", "Pipeline.Configuration", "Pipeline.Aws"],
        ["Pipeline.Delta"] = ["Pipeline.Core", "Pipeline.Configuration"],
        ["Pipeline.DuckDb"] = ["Pipeline.Core", "Pipeline.Delta"],
        ["Pipeline.Sources.Kafka"] = ["Pipeline.Core", "Pipeline.Configuration"],
        ["Pipeline.Sources.Postgres"] = ["Pipeline.Core", "Pipeline.Configuration"],
        ["Pipeline.Sources.Snowflake"] = ["Pipeline.Core", "Pipeline.Configuration"],
        ["Pipeline.Remoting"] = ["Pipeline.Core", "Pipeline.Configuration"],
        ["Pipeline.Ingest"] = ["Pipeline.Core", "Pipeline.Configuration", "Pipeline.Delta", "Pipeline.Remoting"],
        ["Pipeline.Transform"] = ["Pipeline.Core", "Pipeline.Configuration", "Pipeline.Aws", "Pipeline.Delta", "Pipeline.DuckDb", "Pipeline.Remoting"],
        ["Pipeline.Operations"] = ["Pipeline.Core", "Pipeline.Configuration", "Pipeline.Aws", "Pipeline.Telemetry", "Pipeline.Delta", "Pipeline.DuckDb", "Pipeline.Remoting", "Pipeline.Ingest", "Pipeline.Transform"],
        ["Pipeline.Emulation"] = ["Pipeline.Core"],
    };

    private static readonly string[] MayKnowAkka = ["Pipeline.Remoting", "Pipeline.Ingest", "Pipeline.Transform", "Pipeline.Telemetry", "Pipeline.Operations"];

    /// <summary>The executables, which wire the others. The demo knows the node; nobody knows the demo.</summary>
    private static readonly string[] Executables = ["Pipeline.Node", "Pipeline.Demo", "Pipeline.EmrEmulation"];

    public static TheoryData<string> Rooms => [.. MayKnow.Keys];

    [Theory, MemberData(nameof(Rooms))]
    public void A_room_knows_only_rooms_further_inside(string room) =>
        Assert.Subset(MayKnow[room].ToHashSet(StringComparer.Ordinal), ReferencesOf(room).Where(name => name.StartsWith("Pipeline.", StringComparison.Ordinal)).ToHashSet(StringComparer.Ordinal));

    [Theory, MemberData(nameof(Rooms))]
    public void Only_remoting_ingest_transform_telemetry_operations_and_the_executables_know_Akka(string room)
    {
        if (MayKnowAkka.Contains(room)) return;

        Assert.DoesNotContain(ReferencesOf(room), name => name.StartsWith("Akka", StringComparison.Ordinal));
    }

    [Fact]
    public void Every_room_of_the_source_tree_has_its_rule()
    {
        var rooms = Directory.GetDirectories(Path.Combine(Repository.Root, "src")).Select(Path.GetFileName).Where(name => !Executables.Contains(name, StringComparer.Ordinal));

        Assert.Equal(MayKnow.Keys.Order(StringComparer.Ordinal), rooms.Order(StringComparer.Ordinal)!);
    }

    [Fact]
    public void No_project_refers_to_a_room_it_may_not_know()
    {
        foreach (var (room, allowed) in MayKnow)
        {
            var project = XDocument.Load(Path.Combine(Repository.Root, "src", room, $"{room}.csproj"));
            var referred = project.Descendants("ProjectReference").Select(reference => Path.GetFileNameWithoutExtension(reference.Attribute("Include")!.Value));

            Assert.Subset(allowed.ToHashSet(StringComparer.Ordinal), referred.ToHashSet(StringComparer.Ordinal));
        }
    }

    [Fact]
    public void The_node_knows_no_emulated_server_and_no_demo()
    {
        string[] madeUp = ["Pipeline.Emulation", "pipeline-demo", "pipeline-emr"];

        // A service that runs must not be able to fall back on something made up.
        Assert.DoesNotContain(ReferencesOf("pipeline"), name => madeUp.Contains(name, StringComparer.Ordinal));
    }

    [Fact]
    public void The_image_holds_what_the_node_is_published_with_and_nothing_else()
    {
        var published = File.ReadLines(Path.Combine(Repository.Root, "docker", "Dockerfile")).Where(line => line.Contains("dotnet publish", StringComparison.Ordinal) || line.Contains("dotnet build", StringComparison.Ordinal));

        Assert.Contains("dotnet publish src/Pipeline.Node -c", Assert.Single(published));
    }

    [Fact]
    public void What_is_done_with_a_lake_knows_nothing_of_command_lines_and_terminals() =>
        Assert.DoesNotContain(ReferencesOf("Pipeline.Operations"), name => name.StartsWith("Spectre", StringComparison.Ordinal) || name.StartsWith("System.CommandLine", StringComparison.Ordinal));

    [Fact]
    public void A_verb_parses_calls_an_operation_and_renders()
    {
        string[] done = ["using Pipeline.Delta", "using Pipeline.DuckDb", "using Pipeline.Transform", "using Pipeline.Sources"];

        foreach (var file in Directory.EnumerateFiles(Path.Combine(Repository.Root, "src", "Pipeline.Node", "Verbs"), "*.cs"))
            Assert.DoesNotContain(File.ReadLines(file), line => done.Any(room => line.StartsWith(room, StringComparison.Ordinal)));
    }

    /// <summary>What an engine runs stands in the document: it makes views, copies rows and evaluates conditions, of whatever table.</summary>
    [Fact]
    public void An_engine_knows_no_table_and_opens_none()
    {
        string[] tables = ["silver", "gold", "bronze", "quarantine", "quality", "checked", "upserts", "latest", "released", "_rules", "_op", "_position", "_ingested_at"];
        string[] opening = ["DeltaTable", "OpenTables", "Snapshot", "Transaction", "CommitAsync", "JobSpec", "SilverSql", "GoldNode"];
        var files = Directory.EnumerateFiles(Path.Combine(Repository.Root, "src", "Pipeline.Transform", "Engines"), "*.cs", SearchOption.AllDirectories).ToList();

        Assert.NotEmpty(files);
        foreach (var file in files)
        {
            var code = string.Join('\n', File.ReadLines(file).Where(line => !line.TrimStart().StartsWith("///", StringComparison.Ordinal)));
            Assert.DoesNotContain(opening, word => code.Contains(word, StringComparison.Ordinal));
            var texts = string.Join('\n', Text().Matches(code).Select(match => match.Value));
            Assert.DoesNotContain(tables, word => System.Text.RegularExpressions.Regex.IsMatch(texts, $@"(?<![A-Za-z]){word}\b", System.Text.RegularExpressions.RegexOptions.None, TimeSpan.FromSeconds(10)));
        }
    }

    /// <summary>A literal, raw or on one line.</summary>
    [System.Text.RegularExpressions.GeneratedRegex("\"\"\"[\\s\\S]*?\"\"\"|\"(?:[^\"\\\\\n]|\\\\.)*\"")]
    private static partial System.Text.RegularExpressions.Regex Text();

    private static IEnumerable<string> ReferencesOf(string room) =>
        Assembly.Load(room).GetReferencedAssemblies().Select(name => name.Name!);
}
