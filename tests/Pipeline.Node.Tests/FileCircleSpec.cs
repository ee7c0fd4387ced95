using System.Text.RegularExpressions;
using ArchUnitNET.Domain;
using ArchUnitNET.Loader;
using Pipeline.Testing;

namespace Pipeline.Node.Tests;

/// <summary>
/// Files of two folders do not know each other in a circle: a folder can be read, and moved, without the others. Inside a folder
/// they may. Found in what the compiled types refer to; a type belongs to the file that declares it.
/// </summary>
public sealed partial class FileCircleSpec
{
    public static TheoryData<string> Rooms => [.. Directory.GetDirectories(Path.Combine(Repository.Root, "src")).Select(path => Path.GetFileName(path)).Order(StringComparer.Ordinal)];

    [Theory, MemberData(nameof(Rooms))]
    public void No_circle_of_files_runs_through_two_folders(string room)
    {
        var files = FilesByType(room);
        var edges = EdgesOf(room, files);

        var between = CirclesOf(edges).Where(circle => circle.Select(file => Path.GetDirectoryName(file)).Distinct(StringComparer.Ordinal).Count() > 1)
            .Select(circle => string.Join(" <-> ", circle.Order(StringComparer.Ordinal))).ToArray();

        Assert.True(between.Length == 0, string.Join(Environment.NewLine, between));
    }

    [Fact]
    public void The_log_of_a_table_is_pure()
    {
        string[] impure = ["Pipeline.Delta.Storage", "Pipeline.Delta.Parquet", "Pipeline.Delta.Table", "Pipeline.Delta.Maintenance", "System.Net", "System.Threading"];
        var log = new ArchLoader().LoadAssembly(System.Reflection.Assembly.Load("Pipeline.Delta")).Build().Types.Where(type => type.Namespace.FullName == "Pipeline.Delta.Log");

        var known = log.SelectMany(type => type.Dependencies.Select(dependency => (From: type.FullName, To: dependency.Target)))
            .Where(edge => impure.Any(space => edge.To.Namespace.FullName.StartsWith(space, StringComparison.Ordinal)) || edge.To.Name is "File" or "FileStream" or "Directory").Select(edge => $"{edge.From} -> {edge.To.FullName}").Distinct(StringComparer.Ordinal).ToArray();

        Assert.True(known.Length == 0, string.Join(Environment.NewLine, known));
    }

    /// <summary>The file, from the room's directory, that declares a type.</summary>
    private static Dictionary<string, string> FilesByType(string room)
    {
        var root = Path.Combine(Repository.Root, "src", room);
        var files = new Dictionary<string, string>(StringComparer.Ordinal);
        foreach (var file in Directory.EnumerateFiles(root, "*.cs", SearchOption.AllDirectories))
        {
            var path = Path.GetRelativePath(root, file);
            if (path.StartsWith("obj/", StringComparison.Ordinal) || path.StartsWith("bin/", StringComparison.Ordinal)) continue;
            var text = File.ReadAllText(file);
            var space = Namespace().Match(text).Groups[1].Value;
            // The parts of a partial type are one: its main file is the one named after it.
            foreach (Match type in Declaration().Matches(text))
                if (!files.TryAdd($"{space}.{type.Groups[1].Value}", path) && Path.GetFileNameWithoutExtension(path) == type.Groups[1].Value)
                    files[$"{space}.{type.Groups[1].Value}"] = path;
        }

        return files;
    }

    private static Dictionary<string, HashSet<string>> EdgesOf(string room, Dictionary<string, string> files)
    {
        var assembly = System.Reflection.Assembly.Load(room switch { "Pipeline.Node" => "pipeline", "Pipeline.Demo" => "pipeline-demo", "Pipeline.EmrEmulation" => "pipeline-emr", _ => room });
        var edges = files.Values.Distinct(StringComparer.Ordinal).ToDictionary(file => file, _ => new HashSet<string>(StringComparer.Ordinal), StringComparer.Ordinal);
        foreach (var type in new ArchLoader().LoadAssembly(assembly).Build().Types)
        {
            if (FileOf(type) is not { } from) continue;
            foreach (var target in type.Dependencies.Select(dependency => dependency.Target))
                if (FileOf(target) is { } to && to != from) edges[from].Add(to);
        }

        return edges;

        string? FileOf(IType type) => files.GetValueOrDefault(Arity().Replace(type.FullName.Split('+', '/')[0], ""));
    }

    /// <summary>Files that reach each other, by Tarjan's algorithm.</summary>
    private static List<List<string>> CirclesOf(Dictionary<string, HashSet<string>> edges)
    {
        var (index, low, stack, circles) = (new Dictionary<string, int>(StringComparer.Ordinal), new Dictionary<string, int>(StringComparer.Ordinal), new Stack<string>(), new List<List<string>>());
        foreach (var file in edges.Keys.Where(file => !index.ContainsKey(file))) Visit(file);
        return circles;

        void Visit(string file)
        {
            index[file] = low[file] = index.Count;
            stack.Push(file);
            foreach (var next in edges[file])
            {
                if (!index.ContainsKey(next)) Visit(next);
                if (stack.Contains(next)) low[file] = Math.Min(low[file], low[next]);
            }

            if (low[file] != index[file]) return;
            var circle = new List<string>();
            do circle.Add(stack.Pop());
            while (circle[^1] != file);
            if (circle.Count > 1) circles.Add(circle);
        }
    }

    [GeneratedRegex(@"^namespace ([\w.]+);", RegexOptions.Multiline)]
    private static partial Regex Namespace();

    [GeneratedRegex(@"^(?:public|internal)[\w ]*? (?:class|record struct|record|struct|interface|enum|delegate [\w<>?,. ]+?) (\w+)", RegexOptions.Multiline)]
    private static partial Regex Declaration();

    [GeneratedRegex(@"[`<].*$")]
    private static partial Regex Arity();
}
