using Apache.Arrow;

namespace Pipeline.Transform.Tests.Coordination;

/// <summary>Two nodes of a cluster, each with a job that does not come to an end.</summary>
public sealed class RunnerNodesSpec
{
    private static readonly IReadOnlyList<Field> Users = TestLake.BronzeColumns("user_id long");

    private readonly TestLake _lake = new(TestGraph.Of("""
        a { from = bronze/app/a, columns { user_id { type = long } }, key = [user_id] }
        b { from = bronze/app/b, columns { user_id { type = long } }, key = [user_id] }
        """));

    private readonly RecordingEngine _first = new(null);
    private readonly RecordingEngine _second = new(null);

    [Fact]
    public async Task A_coordinator_that_goes_takes_no_job_of_another_node_with_it_and_the_next_one_takes_it_over()
    {
        using var lake = _lake;
        var first = await CoordinatorNode.StartAsync(lake, _first, change: AtOnce);
        await using var second = await CoordinatorNode.StartAsync(lake, _second, change: Apart, seed: first.Address);
        await second.UntilUpAsync(2);
        await AppendAsync();
        await second.UntilAsync(_ => _first.Specs.Count == 1 && _second.Specs.Count == 1);

        await first.DisposeAsync();

        // The second has no journal of the first: it knows what runs from itself, and plans the other table anew.
        await second.UntilAsync(_ => _second.Specs.Count == 2);
        Assert.Equal(["silver/a", "silver/b"], _second.Specs.Select(spec => spec.Pins.Table.ToString()).Order(StringComparer.Ordinal));
        Assert.All((await second.StatusAsync()).Tables, table => Assert.Equal(Transform.Coordination.TableActivity.Running, table.Activity));
    }

    [Fact]
    public async Task What_a_node_ran_that_is_gone_runs_again_on_another_with_its_own_pins()
    {
        using var lake = _lake;
        await using var first = await CoordinatorNode.StartAsync(lake, _first, change: AtOnce);
        var second = await CoordinatorNode.StartAsync(lake, _second, change: Apart, seed: first.Address);
        await first.UntilUpAsync(2);
        await AppendAsync();
        await first.UntilAsync(_ => _first.Specs.Count == 1 && _second.Specs.Count == 1);

        await second.DisposeAsync();

        await first.UntilAsync(_ => _first.Specs.Count == 2);
        Assert.Equal(_second.Specs.Single().Pins.ToJson(), _first.Specs.Last().Pins.ToJson());
    }

    private async Task AppendAsync()
    {
        await _lake.AppendAsync("bronze/app/a", Users, "SELECT 1 AS user_id, 'r' AS _op, 1 AS _position");
        await _lake.AppendAsync("bronze/app/b", Users, "SELECT 1 AS user_id, 'r' AS _op, 1 AS _position");
    }

    private static TransformOptions AtOnce(TransformOptions options) => options with { JobsMax = 2 };

    private TransformOptions Apart(TransformOptions options) => AtOnce(options) with { JournalConnection = $"Data Source={CoordinatorNode.JournalOf(_lake)}.second" };
}
