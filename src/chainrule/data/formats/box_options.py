"""What recipes say of sources of images and boxes, for the full check of params.yaml."""

from typing import Annotated

from pydantic import AfterValidator, Field

from chainrule.data.formats.file_options import GroupPattern, PartLists, distinct
from chainrule.data.formats.options import BatchOptions, Name, OwnFiles, SourceOptions

Classes = Annotated[list[Name], Field(min_length=1, max_length=10_000), AfterValidator(distinct)]


class _Boxes(BatchOptions):
    """Images and boxes."""

    modalities = ("image",)
    gives = ("image", "boxes")

    group_pattern: GroupPattern


class CocoBatch(_Boxes):
    """Images and boxes, a JSON file about all images."""

    classes: Classes | None = Field(description="names of the classes that there may be; null: any")


class CocoOptions(CocoBatch, SourceOptions):
    """Images and boxes as COCO has them: a JSON file about all images, or one for each part."""

    tested = True

    files: OwnFiles | None = Field(
        description="part of the split, or all: JSON file in path; null: what they are called, or their folders, say it"
    )


class YoloBatch(_Boxes):
    """Images and boxes, a text file for each image."""

    classes: Classes | None = Field(
        description="names of the numbers 0, 1, …; null: a data.yaml, classes.txt or obj.names in path tells them"
    )


class YoloOptions(YoloBatch, SourceOptions):
    """Images and boxes as YOLO has them: a text file for each image, and one that names the classes."""

    tested = True


class VocBatch(_Boxes):
    """Images and boxes, an XML file about each image."""

    classes: Classes | None = Field(description="names of the classes that there may be; null: any")


class VocOptions(VocBatch, SourceOptions):
    """Images and boxes as Pascal VOC has them: an XML file about each image, lists of the parts."""

    tested = True

    parts: PartLists | None = Field(
        description="part: text file in path whose lines name files; null: ImageSets/Main, or the folders say the parts"
    )
