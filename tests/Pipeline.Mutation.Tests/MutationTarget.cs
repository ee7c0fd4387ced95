using Pipeline.Testing;

namespace Pipeline.Mutation.Tests;

/// <summary>Code that decides, and the specs that have to notice when it decides otherwise.</summary>
/// <param name="Assembly">The project under <c>src</c>.</param>
/// <param name="Files">Files of the project that hold decisions.</param>
/// <param name="Tests">The project under <c>tests</c>.</param>
/// <param name="Specs">Its classes, or single tests as <c>Class.Test</c>; the quick ones first.</param>
internal sealed record MutationTarget(string Assembly, string[] Files, string Tests, string[] Specs)
{
    public static readonly MutationTarget Ingest = new("Pipeline.Ingest",
        [
            "Worker/IngestWorkerState.cs", "Worker/Halts.cs", "Worker/SplitDivision.cs", "Worker/Beginnings.cs", "Worker/SplitEpochs.cs", "Worker/WorkerOutages.cs", "Committer/BronzeCommitterState.cs",
            "Committer/StageCheck.cs", "Committer/TableView.cs", "Streams/RollPositions.cs", "Streams/FileAge.cs", "DeadLetters/LetterSelection.cs", "IngestStatus.cs",
        ],
        "Pipeline.Ingest.Tests",
        [
            "IngestWorkerStateSpec", "IngestWorkerLocatingSpec", "IngestWorkerFaultSpec", "IngestWorkerRestSpec", "IngestWorkerHaltSpec", "HaltsSpec", "SplitDivisionSpec", "WorkerOutagesSpec",
            "BronzeCommitterStateSpec", "BronzeCommitterOpeningSpec", "BronzeCommitterJudgementSpec", "PoisonedStageSpec", "TableViewSpec", "TableStatusSpec", "LetterSelectionSpec",
            "FileAgeSpec", "RollPositionsSpec", "RollerSpec", "BeginningsSpec", "SplitEpochsSpec", "SimulationSpec.Every_record_is_in_the_lake_exactly_once_in_every_history",
        ]);

    public static readonly MutationTarget Delta = new("Pipeline.Delta",
        ["Table/ConflictCheck.cs", "Log/TransactionActions.cs", "Log/CommitEffects.cs", "Table/Committer.cs"],
        "Pipeline.Delta.Tests",
        ["CommitEffectSpec", "ConflictSpec", "CommitSpec", "AmbiguitySpec", "SleepingWriterSpec", "SchemaSpec"]);

    public static readonly MutationTarget Transform = new("Pipeline.Transform",
        ["Coordination/MedallionState.cs", "Coordination/RunnerAssignment.cs", "Coordination/Runners/NodeJobs.cs", "Coordination/RunSize.cs", "Jobs/PendingReads.cs", "Jobs/JobPlanner.cs", "Jobs/StatementsChoice.cs", "Jobs/EngineRule.cs", "Silver/SourceEnd.cs"],
        "Pipeline.Transform.Tests",
        [
            "MedallionStateSpec", "MedallionTurnSpec", "MedallionOutcomeSpec", "MedallionHaltSpec", "RunnerAssignmentSpec", "NodeJobsSpec", "RunSizeSpec", "StatementsChoiceSpec", "EngineRuleSpec", "PendingReadsSpec", "JobPlannerSpec", "PlannedRunSpec", "EnginePlanSpec", "SourceEndSpec", "ReflectedSpec.A_lower_version_that_was_committed_later_is_of_another_history_and_news",
            "ContractChangeSpec.Statements_that_are_gone_are_said_and_others_are_not_taken", "ContractChangeSpec.A_run_that_another_of_its_number_was_faster_than_is_planned_anew_and_no_statements_are_missed",
            "ContractChangeSpec.A_run_that_others_have_followed_needs_no_statements_any_more",
        ]);

    public static readonly MutationTarget Core = new("Pipeline.Core", ["Buffers/ByteBudget.cs"], "Pipeline.Core.Tests", ["ByteBudgetSpec"]);

    public static readonly IReadOnlyList<MutationTarget> All = [Ingest, Delta, Transform, Core];

    public string TestAssembly => Find($"tests/{Tests}/bin/Release/net10.0", $"{Tests}.dll");

    /// <summary>A file that a build has made; where the system's name is part of the path, any will do.</summary>
    public static string Find(string directory, string name) =>
        Directory.EnumerateFiles(Path.Combine(Repository.Root, directory), name, SearchOption.AllDirectories).Order(StringComparer.Ordinal).FirstOrDefault(File.Exists)
        ?? throw new InvalidOperationException($"There is no {name} in {directory}: build the solution first.");
}
