using Pipeline.Core;
using Pipeline.Transform.Contracts;

namespace Pipeline.Transform.Tests.Contracts;

public sealed class SilverContractSpec
{
    [Fact]
    public void Reads_every_setting()
    {
        var graph = TestGraph.Of("""
            parents { from = bronze/app/parents, columns { parent_id { type = long } }, key = [parent_id] }
            events {
              from = bronze/events/events
              format = json
              columns {
                event_id { type = string, mask = hash, classification = personal }
                parent_id { type = long, path = "$.parent.id" }
                received_at { type = timestamp, from = _timestamp, required = true }
              }
              key = [event_id]
              order-by = [received_at, _position]
              rules = [ { name = positive, check = "parent_id > 0", severity = warn, dimension = consistency } ]
              references = [ { name = parent_known, column = parent_id, table = silver/parents, to = parent_id, severity = fail } ]
            }
            """);

        var contract = graph.TrySilver(TableId.Silver("events"))!;
        Assert.Equal((TableId.Bronze("events", "events"), RecordFormat.Json), (contract.From, contract.Format));
        Assert.Equal(
        [
            ("event_id", (string?)null, "$.event_id", true, Mask.Hash, Classification.Personal),
            ("parent_id", null, "$.parent.id", false, Mask.None, Classification.Internal),
            ("received_at", "_timestamp", null, true, Mask.None, Classification.Internal),
        ], contract.Columns.Select(c => (c.Name, c.From, c.Path, c.IsRequired, c.Mask, c.Classification)));
        Assert.Equal(["received_at", "_position"], contract.OrderBy);
        Assert.Equal(("positive", Severity.Warn, Dimension.Consistency), (contract.Rules[0].Name, contract.Rules[0].Severity, contract.Rules[0].Dimension));
        Assert.Equal(new Reference("parent_known", "parent_id", TableId.Silver("parents"), "parent_id", Severity.Fail), contract.References[0]);
    }

    [Fact]
    public void Reports_all_problems_at_once_with_line_and_nearest_name()
    {
        var (_, problems) = TestGraph.Bind("""
            users {
              from = silver/users
              columns {
                user_id { type = lnog }
                email { type = string, mask = hsah }
                score { type = "decimal(40,2)" }
              }
              key = [user_ids]
              order-by = [_positon]
              rules = [ { name = "two words", check = "true" }, { check = "true" } ]
              references = [ { column = teem_id, table = silver/teams } ]
              ordr-by = x
            }
            """);

        string[] expected =
        [
            "test.conf:3: silver.users.from: 'silver/users' is not a Bronze table. Write bronze/SOURCE/TABLE",
            "test.conf:5: silver.users.columns.user_id.type: 'lnog' is not a type. Did you mean 'long'?",
            "test.conf:6: silver.users.columns.email.mask: 'hsah' is not allowed. Allowed: none, hash, redact. Did you mean 'hash'?",
            "test.conf:7: silver.users.columns.score.type: 'decimal(40,2)' is not a type",
            "test.conf:9: silver.users.key: the table has no column 'user_ids'. Did you mean 'user_id'?",
            "test.conf:10: silver.users.order-by: the table has no column '_positon'. Did you mean '_position'?",
            "test.conf:11: silver.users.rules[0].name: 'two words' is not a rule name",
            "test.conf:11: silver.users.rules[1].name: is required",
            "test.conf:12: silver.users.references[0].column: the table has no column 'teem_id'",
            "test.conf:12: silver.users.references[0].table: there is no table 'silver/teams'",
            "test.conf:13: silver.users.ordr-by: there is no such setting. Did you mean 'order-by'?",
        ];
        var found = problems.OrderBy(problem => problem.Location.Line).Select(problem => problem.ToString()).ToList();
        Assert.Equal(expected.Length, found.Count);
        Assert.All(expected.Zip(found), pair => Assert.StartsWith(pair.Item1, pair.Item2));
    }

    [Fact]
    public void Refuses_keys_and_orders_that_a_mask_destroys()
    {
        var (_, problems) = TestGraph.Bind("""
            users {
              from = bronze/app/users
              columns { email { type = string, mask = redact }, seen { type = long, mask = hash } }
              key = [email]
              order-by = [seen]
            }
            """);

        Assert.Collection(problems,
            problem => Assert.StartsWith("'email' is redacted", problem.Message),
            problem => Assert.StartsWith("'seen' is masked", problem.Message));
    }
}
