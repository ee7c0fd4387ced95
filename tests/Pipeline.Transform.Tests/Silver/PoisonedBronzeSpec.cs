using System.Text.Json.Nodes;
using Pipeline.Core;

namespace Pipeline.Transform.Tests.Silver;

/// <summary>
/// Silver runs over Bronze tables whose logs somebody else has written: what they name outside of the table is not read, nothing
/// is written outside of the run's own places, and one line names it.
/// </summary>
public sealed class PoisonedBronzeSpec : IDisposable
{
    private const string Users = "bronze/app/users";

    private TestLake? _lake;

    private TestLake Lake => _lake!;

    /// <summary>The directory that holds the lake and the runs' temporary files.</summary>
    private string Root => Path.GetDirectoryName(Lake.Options.TempDirectory)!;

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    public static TheoryData<string, bool> Elsewhere => new(
        from path in (string[])
        [
            "../secret.parquet", "%2e%2e/secret.parquet", "..%2Fsecret.parquet", "x/../../secret.parquet", "../../../../outside.parquet", "../*.parquet", "../%2A.parquet", "../[a-z]*.parquet",
            "{root}/outside.parquet", "file:{root}/outside.parquet", "file://{root}/outside.parquet", "{root}/*.parquet", "{root}/lake/bronze/app/users/../secret.parquet", "/etc/passwd",
        ]
        from isRemote in (bool[])[false, true]
        select (path, isRemote));

    public static TheoryData<string, bool> Patterns => new(
        from name in (string[])["*.parquet", "[a-z].parquet", "?.parquet", "**", "a[b.parquet", "{a,b}.parquet", "it's.parquet"]
        from isRemote in (bool[])[false, true]
        select (name, isRemote));

    public void Dispose() => _lake?.Dispose();

    [Theory, MemberData(nameof(Elsewhere))]
    public async Task A_path_that_leads_out_of_its_table_ends_the_run_and_is_followed_by_nobody(string path, bool isRemote)
    {
        Open(isRemote);
        await AppendAsync(userId: 666);
        var secret = DataFile();
        File.Copy(secret, Path.Combine(Root, "outside.parquet"));
        File.Move(secret, Path.Combine(Root, "lake/bronze/app/secret.parquet"));
        Rename(path.Replace("{root}", Root, StringComparison.Ordinal));
        var before = Files();

        var fault = Fault.Of("the run", (await Record.ExceptionAsync(() => Lake.RunAsync("silver/users")))!);

        Assert.Equal((FaultKind.Invalid, $"Table {Users}"), (fault.Kind, fault.Thing));
        Assert.StartsWith("its log has a file outside of the table: ", fault.Cause, StringComparison.Ordinal);
        Assert.Single(fault.ToString().Split('\n'));
        // A run makes its tables, and says what it computes, before it reads; rows it has none.
        Assert.Equal(before, Files().Where(file => !(file.Contains("/silver/", StringComparison.Ordinal) && (file.Contains("/_delta_log/", StringComparison.Ordinal) || file.Contains("/_statements/", StringComparison.Ordinal)))));
    }

    [Theory, MemberData(nameof(Patterns))]
    public async Task What_looks_like_a_pattern_is_the_name_of_one_file(string name, bool isRemote)
    {
        Open(isRemote);
        await AppendAsync(userId: 1);
        await AppendAsync(userId: 666, "bronze/app/others");
        var directory = Path.Combine(Root, "lake", Users);
        File.Move(DataFile(), Path.Combine(directory, name));
        foreach (var other in (string[])["a.parquet", "b.parquet", "ab.parquet"]) File.Copy(DataFile("bronze/app/others"), Path.Combine(directory, other));
        Rename(Uri.EscapeDataString(name));

        await Lake.RunAsync("silver/users");

        Assert.Equal(["1"], await Lake.RowsAsync("SELECT user_id FROM silver.users"));
    }

    private void Open(bool isRemote) =>
        _lake = new TestLake(TestGraph.Of("users { from = bronze/app/users, columns { user_id { type = long } }, key = [user_id] }"), isRemote: isRemote);

    private Task AppendAsync(long userId, string table = Users) => Lake.AppendAsync(table, TestLake.BronzeColumns("user_id long"), $"SELECT {userId} AS user_id, 'r' AS _op, {userId} AS _position");

    /// <summary>Lets the log call the table's file otherwise.</summary>
    private void Rename(string path)
    {
        var commit = Path.Combine(Root, "lake", Users, "_delta_log", $"{1:D20}.json");
        var lines = File.ReadAllLines(commit).Select(line =>
        {
            var action = JsonNode.Parse(line)!;
            if (action["add"] is { } add) add["path"] = path;
            return action.ToJsonString();
        });
        File.WriteAllLines(commit, [.. lines]);
    }

    private string DataFile(string table = Users) => Directory.GetFiles(Path.Combine(Root, "lake", table), "*.parquet").Single();

    private List<string> Files() => [.. Directory.GetFiles(Root, "*", SearchOption.AllDirectories).Where(file => !file.Contains("/_pipeline/", StringComparison.Ordinal)).Order(StringComparer.Ordinal)];
}
