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
    public void Refuses_names_that_are_the_pipelines_own_or_that_readers_refuse()
    {
        var (_, problems) = TestGraph.Bind("""
            orders__deleted { from = bronze/crm/orders, columns { order_id { type = long } }, key = [order_id] }
            "../silver/orders" { from = bronze/crm/orders, columns { order_id { type = long } }, key = [order_id] }
            orders {
              from = bronze/crm/orders
              columns {
                order_id { type = long }
                file_row_number { type = long }
                _op { type = string }
                "order date" { type = date }
              }
              key = [order_id]
            }
            """);

        Assert.Equal(
        [
            "test.conf:2: silver.orders__deleted: 'orders__deleted' ends in __deleted, as tables that the pipeline keeps beside 'orders'. Use another name",
            "test.conf:3: silver.../silver/orders: '../silver/orders' is not a table name. Use lower-case letters, digits and _, a letter first",
            "test.conf:8: silver.orders.columns.file_row_number: 'file_row_number' is a column that the pipeline or DuckDB has of its own. Give it another name",
            "test.conf:9: silver.orders.columns._op: '_op' is not a column name. Use lower-case letters, digits and _, a letter first",
            "test.conf:10: silver.orders.columns.order date: 'order date' is not a column name. Use lower-case letters, digits and _, a letter first",
        ], problems.OrderBy(problem => problem.Location.Line).Select(problem => problem.ToString()));
    }

    [Fact]
    public void Refuses_a_circle_of_references_that_hold_rows_with_the_circle()
    {
        const string contracts = """
            a { from = bronze/x/a, columns { a_id { type = long }, b_id { type = long } }, key = [a_id], references = [ { column = b_id, table = silver/b } ] }
            b { from = bronze/x/b, columns { b_id { type = long }, c_id { type = long } }, key = [b_id], references = [ { column = c_id, table = silver/c, severity = fail } ] }
            c { from = bronze/x/c, columns { c_id { type = long }, a_id { type = long } }, key = [c_id], references = [ { column = a_id, table = silver/a } ] }
            d { from = bronze/x/d, columns { d_id { type = long }, a_id { type = long } }, key = [d_id], references = [ { column = a_id, table = silver/a } ] }
            """;
        var (_, problems) = TestGraph.Bind(contracts);

        Assert.Equal(
        [
            "test.conf:2: silver.a.references[0].table: rows would wait for each other for ever: silver/a waits for silver/b waits for silver/c waits for silver/a. Write severity = warn for one of these references",
            "test.conf:3: silver.b.references[0].table: rows would wait for each other for ever: silver/b waits for silver/c waits for silver/a waits for silver/b. Write severity = warn for one of these references",
            "test.conf:4: silver.c.references[0].table: rows would wait for each other for ever: silver/c waits for silver/a waits for silver/b waits for silver/c. Write severity = warn for one of these references",
        ], problems.Select(problem => problem.ToString()));
        // As told.
        Assert.Empty(TestGraph.Bind(contracts.Replace("table = silver/a }", "table = silver/a, severity = warn }", StringComparison.Ordinal)).Problems);
    }

    [Theory]
    [InlineData("long", "int", false)]
    [InlineData("string", "string", true)]
    [InlineData("\"decimal(10,2)\"", "\"decimal(12,4)\"", true)]
    [InlineData("\"decimal(10,2)\", mask = hash", "\"decimal(12,4)\", mask = hash", false)]
    [InlineData("\"decimal(10,2)\", mask = hash", "\"decimal(10,2)\", mask = hash", true)]
    [InlineData("string, mask = hash", "string", false)]
    [InlineData("\"array<long>\"", "\"array<int>\"", false)]
    public void A_reference_is_between_columns_whose_values_can_be_equal(string parent, string child, bool canBe)
    {
        var (_, problems) = TestGraph.Bind($$"""
            parents { from = bronze/x/parents, columns { id { type = long }, code { type = {{parent}} } }, key = [id] }
            children { from = bronze/x/children, columns { id { type = long }, code { type = {{child}} } }, key = [id], references = [ { column = code, table = silver/parents } ] }
            """);

        if (canBe) Assert.Empty(problems);
        else Assert.Contains("so no row can match", Assert.Single(problems).Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("double")]
    [InlineData("\"array<string>\"")]
    public void A_reference_by_a_value_that_engines_compare_otherwise_is_told(string type)
    {
        var graph = TestGraph.Of($$"""
            parents { from = bronze/x/parents, columns { id { type = long }, code { type = {{type}} } }, key = [id] }
            children { from = bronze/x/children, columns { id { type = long }, code { type = {{type}} } }, key = [id], references = [ { column = code, table = silver/parents } ] }
            """);

        Assert.Equal("silver.children.references.code_exists", Assert.Single(graph.Unportable).Path);
    }

    [Theory]
    [InlineData("$['@timestamp']", null)]
    [InlineData("$.@timestamp", null)]
    [InlineData("$.head-commit.id", null)]
    [InlineData("$.a['b c'][3].d", null)]
    [InlineData("$", "is not a path")]
    [InlineData("$.", "is not a path")]
    [InlineData("$..a", "is not a path")]
    [InlineData("$['a'b']", "is not a path")]
    [InlineData("$.a b", "is not a path")]
    [InlineData("$.a[*].b[*]", "is not a path")]
    [InlineData("$.a\n", "is not a path")]
    [InlineData("$.items[*].sku", "is to many values, and string is for one. Write type = \"array<string>\"")]
    public void A_path_may_name_whatever_a_document_has(string path, string? fault)
    {
        var (_, problems) = TestGraph.Bind($"users {{ from = bronze/app/users, format = json, columns {{ id {{ type = long }}, x {{ type = string, path = \"{path.Replace("\n", "\\n", StringComparison.Ordinal)}\" }} }}, key = [id] }}");

        if (fault is null) Assert.Empty(problems);
        else Assert.Contains(fault, Assert.Single(problems).Message, StringComparison.Ordinal);
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
