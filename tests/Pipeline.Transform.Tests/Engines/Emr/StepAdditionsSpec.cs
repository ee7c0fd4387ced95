using System.Collections.Concurrent;
using System.Text.Json.Nodes;
using Pipeline.Core;
using Pipeline.Emulation.Emr;
using Pipeline.Transform.Jobs.Remote;

namespace Pipeline.Transform.Tests.Engines.Emr;

/// <summary>What of many submissions goes together, and what there is no room for.</summary>
public sealed class StepAdditionsSpec
{
    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Fact]
    public async Task With_as_many_active_steps_as_there_may_be_the_next_waits_for_room()
    {
        var works = new ConcurrentQueue<TaskCompletionSource<EmrOutcome>>();
        await using var scene = new EmrScene(_ =>
        {
            var work = new TaskCompletionSource<EmrOutcome>();
            works.Enqueue(work);
            return work.Task;
        });
        await scene.PumpAsync(Task.WhenAll(Enumerable.Range(1, 256).Select(run => scene.SubmitAsync(EmrScene.Name(run)))));
        var calls = scene.Calls("AddJobFlowSteps").Count;

        Assert.IsType<Submission.NoRoom>(await scene.PumpAsync(scene.Engine.SubmitAsync(EmrScene.Job(EmrScene.Name(257)), Cancel).AsTask()));
        await scene.PumpAsync(() => works.Count == 10);
        foreach (var work in works.ToList()) work.SetResult(EmrOutcome.Done);
        await scene.FindAsync(EmrScene.Name(257), scene.Time.GetUtcNow());
        await scene.SubmitAsync(EmrScene.Name(257));

        // What is known not to fit is not sent.
        Assert.Equal(1, scene.Calls("AddJobFlowSteps").Count - calls);
        foreach (var work in works) work.TrySetResult(EmrOutcome.Done);
    }

    [Fact]
    public async Task Those_that_come_while_others_are_added_are_added_together_as_far_as_there_is_room()
    {
        await using var scene = new EmrScene(_ => new TaskCompletionSource<EmrOutcome>().Task);
        using var gate = new Gate(new EmrMessageHandler(scene.Service));
        var engine = scene.EngineOver(gate);
        var submitting = Enumerable.Range(1, 260).Select(run => engine.SubmitAsync(EmrScene.Job(EmrScene.Name(run)), Cancel).AsTask()).ToList();
        await scene.PumpAsync(() => gate.Held == 1);

        gate.Opened.SetResult();
        var submitted = await scene.PumpAsync(Task.WhenAll(submitting));

        Assert.Equal((256, 4), (submitted.Count(outcome => outcome is Submission.Accepted), submitted.Count(outcome => outcome is Submission.NoRoom)));
        Assert.Equal(2, scene.Calls("AddJobFlowSteps").Count);
    }

    [Fact]
    public async Task Room_that_others_have_taken_is_not_lost_for_those_that_still_fit()
    {
        await using var scene = new EmrScene(_ => new TaskCompletionSource<EmrOutcome>().Task, emulated => emulated with { ActiveStepsMax = 10 });
        using var gate = new Gate(new EmrMessageHandler(scene.Service));
        var engine = scene.EngineOver(gate);
        var submitting = Enumerable.Range(1, 21).Select(run => engine.SubmitAsync(EmrScene.Job(EmrScene.Name(run)), Cancel).AsTask()).ToList();
        await scene.PumpAsync(() => gate.Held == 1);

        gate.Opened.SetResult();
        var submitted = await scene.PumpAsync(Task.WhenAll(submitting));

        Assert.Equal((10, 11), (submitted.Count(outcome => outcome is Submission.Accepted), submitted.Count(outcome => outcome is Submission.NoRoom)));
        Assert.Equal(10, scene.Submitted.Distinct().Count());
    }

    [Fact]
    public async Task One_that_is_refused_keeps_none_from_being_added_with_which_it_came()
    {
        await using var scene = new EmrScene(_ => new TaskCompletionSource<EmrOutcome>().Task);
        using var gate = new Gate(new EmrMessageHandler(scene.Service));
        var engine = scene.EngineOver(gate);
        var submitting = Enumerable.Range(1, 4).Select(run => engine.SubmitAsync(EmrScene.Job(EmrScene.Name(run)) with { AnswerUri = run == 3 ? new string('a', 10_240) : "/answer" }, Cancel).AsTask()).ToList();
        await scene.PumpAsync(() => gate.Held == 1);

        gate.Opened.SetResult();
        await scene.PumpAsync(() => submitting.All(submission => submission.IsCompleted));

        var refused = await Assert.ThrowsAsync<PipelineException>(() => submitting[2]);
        Assert.Equal((FaultKind.Invalid, $"EMR step {EmrScene.Name(3)}"), (refused.Kind, refused.Thing));
        Assert.Equal([1, 2, 4], scene.Submitted.Select(name => int.Parse(name.Split('/')[^2])));
    }

    /// <summary>Whoever waits for it gives it up some time later, and submits another.</summary>
    [Fact]
    public async Task What_could_not_be_sent_at_once_is_not_sent()
    {
        await using var scene = new EmrScene();
        scene.Time.AutoAdvanceAmount = TimeSpan.FromSeconds(31);

        Assert.IsType<Submission.NoRoom>(await scene.Engine.SubmitAsync(EmrScene.Job(EmrScene.Name(7)), Cancel));

        Assert.Empty(scene.Calls("AddJobFlowSteps"));
    }

    [Fact]
    public async Task Steps_run_as_the_role_of_their_table()
    {
        const string Jobs = "arn:aws:iam::123456789012:role/jobs", Sales = "arn:aws:iam::123456789012:role/sales";
        await using var scene = new EmrScene(changeEngine: options => options with { ExecutionRole = Jobs, ExecutionRoles = options.ExecutionRoles.Add(TableId.Gold("sales"), Sales) });
        using var gate = new Gate(new EmrMessageHandler(scene.Service));
        gate.Opened.SetResult();
        var engine = scene.EngineOver(gate);

        await scene.PumpAsync(engine.SubmitAsync(EmrScene.Job(EmrScene.Name(1, table: "gold/sales")), Cancel).AsTask());
        await scene.PumpAsync(engine.SubmitAsync(EmrScene.Job(EmrScene.Name(1, table: "gold/other")), Cancel).AsTask());

        Assert.Equal([Sales, Jobs], gate.Roles);
    }

    /// <summary>Lets requests that add steps wait until it is opened.</summary>
    private sealed class Gate(HttpMessageHandler inner) : DelegatingHandler(inner)
    {
        public TaskCompletionSource Opened { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);

        public int Held { get; private set; }

        /// <summary>Of the requests, in their order.</summary>
        public List<string?> Roles { get; } = [];

        protected override async Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken)
        {
            if (request.Headers.NonValidated["X-Amz-Target"].ToString().EndsWith(".AddJobFlowSteps", StringComparison.Ordinal))
            {
                Held++;
                Roles.Add((string?)JsonNode.Parse(await request.Content!.ReadAsStringAsync(cancellationToken))!["ExecutionRoleArn"]);
                await Opened.Task.WaitAsync(cancellationToken);
            }

            return await base.SendAsync(request, cancellationToken);
        }
    }
}
