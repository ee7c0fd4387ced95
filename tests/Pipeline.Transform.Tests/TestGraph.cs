using Pipeline.Configuration;
using Pipeline.Testing;
using Pipeline.Transform.Graph;

namespace Pipeline.Transform.Tests;

/// <summary>Graphs from configuration text, with SQL files in a directory of their own.</summary>
internal static class TestGraph
{
    /// <summary>Binds a graph that must be right.</summary>
    public static TransformGraph Of(string silver, string gold = "", params (string Name, string Text)[] sqlFiles)
    {
        var (graph, problems) = Bind(silver, gold, sqlFiles);
        Assert.Empty(problems);
        return graph;
    }

    /// <summary>Binds a graph and returns what is wrong with it; files are named without their directory.</summary>
    public static (TransformGraph Graph, IReadOnlyList<ConfigProblem> Problems) Bind(string silver, string gold = "", params (string Name, string Text)[] sqlFiles)
    {
        using var directory = new ScratchDirectory("graph-");
        foreach (var (name, text) in sqlFiles) File.WriteAllText(Path.Combine(directory, name), text);
        var file = Path.Combine(directory, "test.conf");
        var text1 = $"silver {{\n{silver}\n}}\ngold {{\n{gold}\n}}\n";
        var problems = new List<ConfigProblem>();
        var root = new SettingsReader(HoconReader.Read(file, path => path == file ? text1 : null, _ => null), "", problems);
        var graph = TransformGraph.Bind(root.Section("silver"), root.Section("gold"), bronzeTables: null);
        return (graph, [.. problems.Select(problem => problem with { Location = problem.Location with { File = Path.GetFileName(problem.Location.File) } })]);
    }
}
