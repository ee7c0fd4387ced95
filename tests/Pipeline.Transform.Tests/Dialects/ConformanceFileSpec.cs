using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.RegularExpressions;
using Pipeline.Testing;
using Pipeline.Transform.Dialects;

namespace Pipeline.Transform.Tests.Dialects;

/// <summary>What <c>spark/conformance.py</c> asks a Spark is the dialect table, as Spark's SQL.</summary>
public sealed partial class ConformanceFileSpec
{
    private static readonly JsonSerializerOptions Options = new(JsonSerializerDefaults.Web) { WriteIndented = true, Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    private static string Folder => Path.Combine(Path.GetDirectoryName(Golden.PathOf("x"))!, "../../../spark");

    private static IEnumerable<string> Scripts => Directory.EnumerateFiles(Folder, "*.py");

    [Fact]
    public void The_file_that_a_Spark_is_asked_is_the_table()
    {
        var cases = DialectTable.Functions.Values.Where(function => function.Rows.Length > 0).OrderBy(function => function.Name, StringComparer.Ordinal)
            .Select(function => (function.Name, Expression: function.Call, function.Rows))
            .Concat(DialectTable.Constructs.Select(construct => (construct.Name, construct.Expression, construct.Rows)))
            .Select(one => new { one.Name, one.Expression, Spark = SqlDialect.Spark.Render(one.Expression), Rows = one.Rows.Select(row => new { row.Arguments, row.Value }) });
        var text = JsonSerializer.Serialize(new { About = "The dialect table: expressions over the texts t, u, v, as users write them and for Spark, with the value of each row. Written by a test; run by conformance.py.", Cases = cases }, Options) + "\n";

        var path = Path.Combine(Folder, "conformance.json");
        if (Golden.IsUpdate) File.WriteAllText(path, text);

        Assert.Equal(File.ReadAllText(path), text);
    }

    /// <summary>The last of them is Hadoop's, which only whoever writes needs.</summary>
    [Fact]
    public void A_script_for_Spark_has_the_settings_that_documents_are_written_for()
    {
        var page = File.ReadAllText(Path.Combine(Folder, "../docs/job-document.md"));
        var settings = Settings().Match(page).Groups["settings"].Value.Split('\n', StringSplitOptions.RemoveEmptyEntries);
        Assert.Contains("spark.sql.ansi.enabled=true", settings);

        var own = PythonSetting().Matches(File.ReadAllText(Path.Combine(Folder, "medallion_job.py"))).Select(pair => $"{pair.Groups["name"].Value}={pair.Groups["value"].Value}");
        Assert.Equal(settings.Where(setting => setting.StartsWith("spark.sql.", StringComparison.Ordinal)), own);
        // One list: the other scripts take the job's.
        Assert.All(Scripts.Where(script => !script.EndsWith("medallion_job.py", StringComparison.Ordinal)), script =>
        {
            Assert.Matches("(?m)^(from medallion_job import .*|import medallion_job)$", File.ReadAllText(script));
            Assert.Empty(PythonSetting().Matches(File.ReadAllText(script)));
        });
    }

    [GeneratedRegex("```properties\n(?<settings>.*?)```", RegexOptions.Singleline)]
    private static partial Regex Settings();

    /// <summary>An item of a dictionary, one a line.</summary>
    [GeneratedRegex("^ *\"(?<name>spark\\.[A-Za-z0-9.]+)\": \"(?<value>[^\"]+)\",", RegexOptions.Multiline)]
    private static partial Regex PythonSetting();

    [Fact]
    public async Task Scripts_are_Python_as_of_3_7_and_need_nothing_but_PySpark()
    {
        const string parse = """
            import ast, sys
            allowed = set(sys.stdlib_module_names) | {"pyspark", "py4j", "medallion_job"}
            for path in sys.argv[1:]:
                for node in ast.walk(ast.parse(open(path, encoding="utf-8").read(), path, feature_version=(3, 7))):
                    names = [name.name for name in node.names] if isinstance(node, ast.Import) else [node.module] if isinstance(node, ast.ImportFrom) else []
                    strange = [name for name in names if name.split(".")[0] not in allowed]
                    assert not strange, (path, strange)
            """;
        var python = OutsideProgram.TryStart("python3", ["-c", parse, .. Scripts]);
        Assert.SkipWhen(python is null, "There is no python3.");
        await using var running = python;

        var (exit, lines) = await running.WaitForExitAsync(TestContext.Current.CancellationToken);

        Assert.True(exit == 0, string.Join(Environment.NewLine, lines));
    }
}
