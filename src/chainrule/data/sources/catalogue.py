"""The kinds of sources and their options, for the full check of params.yaml."""

from typing import Any

from pydantic import Field

from chainrule.data.formats.box_options import (
    CocoBatch,
    CocoOptions,
    VocBatch,
    VocOptions,
    YoloBatch,
    YoloOptions,
)
from chainrule.data.formats.file_options import (
    ArraysOptions,
    AudioFolderBatch,
    AudioFolderOptions,
    CifarOptions,
    IdxOptions,
    ImageFolderBatch,
    ImageFolderOptions,
    ImageQuestionsOptions,
    MaskFolderBatch,
    MaskFolderOptions,
    TextFolderBatch,
    TextFolderOptions,
)
from chainrule.data.formats.options import BatchOptions, SourceOptions
from chainrule.data.formats.table_options import (
    DelimitedBatch,
    DelimitedOptions,
    ExcelBatch,
    ExcelOptions,
    HubOptions,
    JsonLinesBatch,
    JsonLinesOptions,
    ParquetBatch,
    ParquetOptions,
    SklearnOptions,
    TorchvisionOptions,
)
from chainrule.data.formats.text_options import (
    ClassFilesBatch,
    ClassFilesOptions,
    ConllBatch,
    ConllOptions,
    LabelLinesBatch,
    LabelLinesOptions,
    LinePairsOptions,
    LongTextsBatch,
    LongTextsOptions,
    SquadBatch,
    SquadOptions,
)
from chainrule.data.sources import digits, reviews


class DigitsOptions(SourceOptions):
    """The digits bundled with scikit-learn."""

    modalities = ("image",)
    gives = digits.GIVES

    block: int = Field(
        ge=1, le=1797, description="consecutive images that a split keeps together (writers are in runs)"
    )


class ReviewsOptions(SourceOptions):
    """Synthetic reviews."""

    modalities = ("text",)
    gives = reviews.GIVES

    seed: int = Field(ge=0, description="seed of the generator; the same seed gives the same rows everywhere")
    labelled: int = Field(ge=1, le=1_000_000, description="number of labelled rows, planted dirt included")
    unlabelled: int = Field(ge=0, le=10_000_000, description="number of rows of the part unlabelled")


DEFAULTS: dict[str, dict[str, Any]] = {
    "arrays": {"arrays": None, "classes": None},
    "audio_folder": {"group_pattern": None, "label_pattern": None, "parts": None},
    "cifar": {"labels": "fine"},
    "class_files": {"files": None, "encoding": None},
    "coco": {"files": None, "classes": None, "group_pattern": None},
    "conll": {
        "files": None,
        "columns": None,
        "delimiter": None,
        "scheme": None,
        "between": None,
        "rows": "sentence",
        "encoding": None,
    },
    "delimited": {
        "files": None,
        "part": None,
        "columns": None,
        "delimiter": ",",
        "quoting": True,
        "header": True,
        "skip": 0,
        "encoding": None,
        "labels": None,
        "separator": ",",
        "decimal": ".",
        "thousands": "",
        "named": "{}",
        "group": None,
        "time": None,
        "max_cell": 1_000_000,
    },
    "digits": {"block": 45},  # images in file order: so writers stay on one side of a split
    "excel": {
        "files": None,
        "part": None,
        "columns": None,
        "sheet": None,
        "header": True,
        "skip": 0,
        "labels": None,
        "separator": ",",
        "decimal": ".",
        "thousands": "",
        "named": "{}",
        "group": None,
        "time": None,
        "max_cell": 1_000_000,
    },
    "hub": {
        "splits": None,
        "columns": None,
        "labels": None,
        "separator": ",",
        "decimal": ".",
        "thousands": "",
        "named": "{}",
        "group": None,
        "time": None,
        "max_cell": 1_000_000,
    },
    "idx": {},
    "image_folder": {"group_pattern": None, "label_pattern": None, "parts": None, "block": None},
    "image_questions": {"files": None},
    "json_lines": {
        "files": None,
        "part": None,
        "columns": None,
        "encoding": None,
        "labels": None,
        "separator": ",",
        "decimal": ".",
        "thousands": "",
        "named": "{}",
        "group": None,
        "time": None,
        "max_cell": 1_000_000,
    },
    "label_lines": {"files": None, "prefix": None, "encoding": None},
    "line_pairs": {"files": None, "encoding": None},
    "long_texts": {
        "files": None,
        "texts": "file",
        "cut": 1000,
        "tagged": False,
        "hold_out": None,
        "block": 8,
        "encoding": None,
    },
    "mask_folder": {
        "images": None,
        "masks_in": None,
        "classes": None,
        "colours": None,
        "ignore": None,
        "group_pattern": None,
        "block": None,
    },
    "parquet": {
        "files": None,
        "part": None,
        "columns": None,
        "labels": None,
        "separator": ",",
        "decimal": ".",
        "thousands": "",
        "named": "{}",
        "group": None,
        "time": None,
        "max_cell": 1_000_000,
    },
    "reviews": {"seed": 7, "labelled": 6000, "unlabelled": 20_000},
    "sklearn": {},
    "squad": {"files": None},
    "text_folder": {"group_pattern": None, "parts": None, "encoding": None},
    "torchvision": {},
    "voc": {"classes": None, "parts": None, "group_pattern": None},
    "yolo": {"classes": None, "group_pattern": None},
}
"""What each source starts with; a literal, of which dvc.yaml lists the recipe's kind."""

BATCH_DEFAULTS: dict[str, dict[str, Any]] = {
    "audio_folder": {"group_pattern": None, "label_pattern": None},
    "class_files": {"encoding": None},
    "coco": {"classes": None, "group_pattern": None},
    "conll": {
        "files": {"unlabelled": "*.unlabelled.*", "all": "*"},
        "columns": None,
        "delimiter": None,
        "scheme": None,
        "between": None,
        "rows": "sentence",
        "encoding": None,
    },
    "delimited": {
        "files": {"unlabelled": "*.unlabelled.csv", "all": "*.csv"},  # the first pattern that a name fits
        "columns": None,
        "delimiter": ",",
        "quoting": True,
        "header": True,
        "skip": 0,
        "encoding": None,
        "labels": None,
        "separator": ",",
        "decimal": ".",
        "thousands": "",
        "named": "{}",
        "group": None,
        "time": None,
        "max_cell": 1_000_000,
    },
    "excel": {
        "files": {"unlabelled": "*.unlabelled.xlsx", "all": "*.xlsx"},
        "columns": None,
        "sheet": None,
        "header": True,
        "skip": 0,
        "labels": None,
        "separator": ",",
        "decimal": ".",
        "thousands": "",
        "named": "{}",
        "group": None,
        "time": None,
        "max_cell": 1_000_000,
    },
    "image_folder": {"group_pattern": None, "label_pattern": None},
    "json_lines": {
        "files": {"unlabelled": "*.unlabelled.jsonl", "all": "*.jsonl"},
        "columns": None,
        "encoding": None,
        "labels": None,
        "separator": ",",
        "decimal": ".",
        "thousands": "",
        "named": "{}",
        "group": None,
        "time": None,
        "max_cell": 1_000_000,
    },
    "label_lines": {"files": {"unlabelled": "*.unlabelled.txt", "all": "*.txt"}, "prefix": None, "encoding": None},
    "mask_folder": {
        "images": None,
        "masks_in": None,
        "classes": None,
        "colours": None,
        "ignore": None,
        "group_pattern": None,
        "block": None,
    },
    "long_texts": {"files": {"all": "*"}, "texts": "file", "cut": 1000, "tagged": False, "encoding": None},
    "parquet": {
        "files": {"unlabelled": "*.unlabelled.parquet", "all": "*.parquet"},
        "columns": None,
        "labels": None,
        "separator": ",",
        "decimal": ".",
        "thousands": "",
        "named": "{}",
        "group": None,
        "time": None,
        "max_cell": 1_000_000,
    },
    "squad": {"files": {"unlabelled": "*.unlabelled.json", "all": "*.json"}},
    "text_folder": {"group_pattern": None, "encoding": None},
    "voc": {"classes": None, "group_pattern": None},
    "yolo": {"classes": None, "group_pattern": None},
}
"""The same of new files."""

SOURCES: dict[str, type[SourceOptions]] = {
    "arrays": ArraysOptions,
    "audio_folder": AudioFolderOptions,
    "cifar": CifarOptions,
    "class_files": ClassFilesOptions,
    "coco": CocoOptions,
    "conll": ConllOptions,
    "delimited": DelimitedOptions,
    "digits": DigitsOptions,
    "excel": ExcelOptions,
    "hub": HubOptions,
    "idx": IdxOptions,
    "image_folder": ImageFolderOptions,
    "image_questions": ImageQuestionsOptions,
    "json_lines": JsonLinesOptions,
    "label_lines": LabelLinesOptions,
    "line_pairs": LinePairsOptions,
    "long_texts": LongTextsOptions,
    "mask_folder": MaskFolderOptions,
    "parquet": ParquetOptions,
    "reviews": ReviewsOptions,
    "sklearn": SklearnOptions,
    "squad": SquadOptions,
    "text_folder": TextFolderOptions,
    "torchvision": TorchvisionOptions,
    "voc": VocOptions,
    "yolo": YoloOptions,
}

ALSO_CALLED = {
    **dict.fromkeys(("csv", "tsv", "table", "pandas", "image_table"), "delimited"),
    **dict.fromkeys(("xlsx", "xls", "xlsm", "openpyxl", "spreadsheet", "workbook"), "excel"),
    **dict.fromkeys(("json", "jsonl", "ndjson", "jsonlines", "json_line"), "json_lines"),
    **dict.fromkeys(("huggingface", "hugging_face", "datasets", "load_dataset", "hf"), "hub"),
    **dict.fromkeys(("scikit_learn", "scikit-learn", "toy_datasets"), "sklearn"),
    **dict.fromkeys(("pq", "arrow", "pyarrow"), "parquet"),
    **dict.fromkeys(("image", "images", "imagenet", "images_folder", "image_dir", "pictures"), "image_folder"),
    **dict.fromkeys(
        ("audio", "sounds", "wav", "wavs", "sound_folder", "audiofolder", "speech_commands"), "audio_folder"
    ),
    **dict.fromkeys(("texts", "text_dir", "texts_folder", "documents", "txt_folder"), "text_folder"),
    **dict.fromkeys(("masks", "mask", "segmentation", "camvid", "voc_segmentation", "image_masks"), "mask_folder"),
    **dict.fromkeys(("vqa", "vqa_v2", "easy_vqa", "clevr", "visual_questions", "gqa"), "image_questions"),
    **dict.fromkeys(("folder", "folders", "directory"), "image_folder"),
    **dict.fromkeys(("mnist", "fashion_mnist", "ubyte"), "idx"),
    **dict.fromkeys(("txt", "text", "text_files"), "class_files"),
    **dict.fromkeys(("conll2003", "conll2002", "iob", "iob2", "bio", "bioes", "ner", "word_tags"), "conll"),
    **dict.fromkeys(("lines", "fasttext", "trec", "labelled_lines", "labeled_lines"), "label_lines"),
    **dict.fromkeys(("parallel", "bitext", "moses", "parallel_text", "translations"), "line_pairs"),
    **dict.fromkeys(("corpus", "plain_text", "gutenberg", "wikitext", "books", "long_text"), "long_texts"),
    **dict.fromkeys(("numpy", "npz", "npy", "array", "ndarray", "medmnist", "keras"), "arrays"),
    **dict.fromkeys(("squad_v2", "xquad", "mlqa", "question_answering", "qa"), "squad"),
    **dict.fromkeys(("pascal_voc", "voc2007", "voc2012", "labelimg", "imagenet_det"), "voc"),
    **dict.fromkeys(("coco_json", "mscoco", "ms_coco", "instances"), "coco"),
    **dict.fromkeys(("yolov5", "yolov8", "yolo_txt", "darknet", "ultralytics"), "yolo"),
    **dict.fromkeys(("cifar10", "cifar100", "cifar_10", "cifar_100", "pickle"), "cifar"),
}
"""What people call the kinds elsewhere."""

INCOMING: dict[str, type[BatchOptions]] = {
    "audio_folder": AudioFolderBatch,
    "class_files": ClassFilesBatch,
    "coco": CocoBatch,
    "conll": ConllBatch,
    "delimited": DelimitedBatch,
    "excel": ExcelBatch,
    "image_folder": ImageFolderBatch,
    "json_lines": JsonLinesBatch,
    "label_lines": LabelLinesBatch,
    "long_texts": LongTextsBatch,
    "mask_folder": MaskFolderBatch,
    "parquet": ParquetBatch,
    "squad": SquadBatch,
    "text_folder": TextFolderBatch,
    "voc": VocBatch,
    "yolo": YoloBatch,
}
"""The kinds that read whatever files a folder holds, and so a batch of new ones."""
